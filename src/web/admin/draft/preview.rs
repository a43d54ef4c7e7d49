//! A mail in the light it is looked at in, whatever the browser's own is.

use crate::web::admin::draft::view::PreviewOptions;

impl PreviewOptions {
    /// From the words of a query or a form.
    pub fn of(show: &str, width: &str, theme: &str) -> Self {
        Self {
            text: show == "text",
            phone: width == "phone",
            dark: theme == "dark",
        }
    }

    /// For an address that shows it this way again.
    pub fn query(self) -> String {
        let words = [
            (self.text, "&show=text"),
            (self.phone, "&width=phone"),
            (self.dark, "&theme=dark"),
        ];
        let words = words.iter().filter(|(is_set, _)| *is_set);
        words.map(|(_, word)| *word).collect()
    }
}

/// The mail with its rules for dark programs in force, or out of it.
pub fn in_the_light(html: &str, dark: bool) -> String {
    let (always, never) = ("(min-width:0)", "(max-width:0)");
    let (if_dark, if_light, scheme) = if dark {
        (always, never, "dark")
    } else {
        (never, always, "light")
    };
    let mut html = html.to_owned();
    for space in ["", " "] {
        for (theme, condition) in [("dark", if_dark), ("light", if_light)] {
            let asked = format!("(prefers-color-scheme:{space}{theme})");
            html = html.replace(&asked, condition);
        }
        let both = format!("color-scheme:{space}light dark");
        html = html.replace(&both, &format!("color-scheme:{scheme}"));
    }
    let meta = "name=\"color-scheme\" content=\"light dark\"";
    html.replace(meta, &format!("name=\"color-scheme\" content=\"{scheme}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_for_the_dark_hold_or_do_not() {
        let mail = "<meta name=\"color-scheme\" content=\"light dark\"><style>:root{color-scheme:light dark}\
            @media (prefers-color-scheme: dark){a}@media (prefers-color-scheme:dark){b}</style>";
        let dark = in_the_light(mail, true);
        assert!(dark.contains("@media (min-width:0){a}@media (min-width:0){b}"));
        assert!(dark.contains("content=\"dark\"") && dark.contains("{color-scheme:dark}"));
        let light = in_the_light(mail, false);
        assert!(light.contains("@media (max-width:0){a}") && light.contains("content=\"light\""));
    }

    #[test]
    fn the_built_in_mail_can_be_shown_both_ways() {
        let mail = concat!(
            include_str!("../../../../email-templates/base.html"),
            include_str!("../../../../email-templates/digest/body.html"),
        );
        for dark in [true, false] {
            let shown = in_the_light(mail, dark);
            assert!(!shown.contains("prefers-color-scheme"));
            assert!(!shown.contains("{color-scheme:light dark"));
        }
    }

    #[test]
    fn a_look_rides_in_the_address() {
        assert_eq!(PreviewOptions::of("html", "desktop", "light").query(), "");
        let look = PreviewOptions::of("text", "phone", "dark");
        assert_eq!(look.query(), "&show=text&width=phone&theme=dark");
    }
}
