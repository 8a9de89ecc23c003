//! What a word that is not known may be meant as.

/// The one among the known words with the fewest slips between them.
#[must_use]
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let most = (word.chars().count() / 3).clamp(1, 3);
    let slips = |other: &str| strsim::osa_distance(&word, &other.to_lowercase());
    let found = known.into_iter().map(|other| (slips(other), other)).min_by_key(|(slips, _)| *slips)?;
    // Of a word of two letters one slip leaves nothing.
    (found.0 <= most && word.chars().count() > 2).then_some(found.1)
}
