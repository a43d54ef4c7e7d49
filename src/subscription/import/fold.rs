//! Comparison of headers and words without case, accents, punctuation and spaces.

use unicode_normalization::UnicodeNormalization;

/// Returns the letters and digits of `text` in lower case, without accents.
pub(super) fn fold(text: &str) -> String {
    text.nfkd()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .map(|c| match c {
            'ø' => 'o',
            'ł' => 'l',
            'ı' => 'i',
            other => other,
        })
        .nfkd()
        .filter(|c| c.is_alphanumeric())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn fold_ignores_case_accents_and_punctuation() {
        for (text, folded) in [
            (" Correo electrónico ", "correoelectronico"),
            ("E-POSTADRESS", "epostadress"),
            ("Is this subscriber confirmed?", "isthissubscriberconfirmed"),
            ("Prénom", "prenom"),
            ("İSİM", "isim"),
            ("Эл. почта", "элпочта"),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }
}
