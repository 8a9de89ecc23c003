//! What a word that is not known may be meant as.

pub(crate) use ganger_engine::text::closest;

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
