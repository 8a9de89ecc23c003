//! What a word that is not known may be meant as.

/// The one among the known words with the fewest slips between them.
pub(crate) fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let most = (word.chars().count() / 3).clamp(1, 3);
    let slips = |other: &str| strsim::osa_distance(&word, &other.to_lowercase());
    let found = known.into_iter().map(|other| (slips(other), other)).min_by_key(|(slips, _)| *slips)?;
    // Of a word of two letters one slip leaves nothing.
    (found.0 <= most && word.chars().count() > 2).then_some(found.1)
}

/// As [`closest`], as a hint.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    closest(word, known).map(|meant| format!("did you mean `{meant}`?"))
}

/// Ids that are one slip of a finger away from the word, the nearest ones. Another number is another ticket, and no slip.
pub(crate) fn closest_ids<'a>(word: &str, ids: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let word = plain(word);
    let alike = ids.filter(|id| digits(id) == digits(&word));
    let slips = alike.map(|id| (strsim::osa_distance(&word, &plain(id)), id));
    let mut found: Vec<(usize, &str)> = slips.filter(|(slips, _)| *slips <= 1).collect();
    found.sort_unstable();
    let fewest = found.first().map_or(0, |(slips, _)| *slips);
    found.into_iter().filter(|(slips, _)| *slips == fewest).map(|(_, id)| id).collect()
}
