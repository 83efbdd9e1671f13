//! Names: of files, of runs called after them, and the nearest to one that was misspelt.

use std::path::Path;

/// The candidate that is most like a word which was typed, if it is like enough.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    /// Below this similarity a suggestion puzzles more than it helps.
    const LIKE_ENOUGH: f64 = 0.75;
    let word = word.to_lowercase();
    candidates
        .map(|candidate| {
            (
                strsim::jaro_winkler(&word, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness >= LIKE_ENOUGH)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// Whether a name has one of these endings, in any case, `.gz` set aside.
pub(crate) fn ends_with(name: &str, endings: &[&str]) -> bool {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    endings.iter().any(|ending| name.ends_with(ending))
}

/// The last part of a path.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// The stem of a path in `a-z`, `0-9` and `-`; `data` where nothing is left of it.
pub(super) fn slug(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let name = file_name(&path).to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let name = name.strip_suffix(".tar").unwrap_or(name);
    let stem = match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    };
    let stem = stem
        .strip_suffix("_train")
        .or_else(|| stem.strip_suffix("_test"))
        .unwrap_or(stem);
    let mut slug = String::new();
    for letter in stem.chars() {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() {
        "data".to_owned()
    } else {
        slug.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_called_after_the_stem_of_the_file() {
        #[track_caller]
        fn check(path: &str, expected: &str) {
            assert_eq!(slug(Path::new(path)), expected);
        }
        check("a/My Sales (2024).csv.gz", "my-sales-2024");
        check("JapaneseVowels_TRAIN.ts", "japanesevowels");
        check("données.csv", "donn-es");
        check("日本.csv", "data");
        check("mnist/", "mnist");
        check(".hidden", "hidden");
    }

    #[test]
    fn a_misspelt_name_is_told_the_nearest() {
        let names = ["mnist", "penguins", "wine"];
        assert_eq!(nearest("pengiuns", names.into_iter()), Some("penguins"));
        assert_eq!(nearest("xyz", names.into_iter()), None);
    }
}
