//! SMTP extensions that a server offers in its EHLO reply (RFC 5321 §4.1.1.1).

/// The extensions that this client uses. A server that only knows HELO offers none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Capabilities {
    /// STARTTLS (RFC 3207).
    pub starttls: bool,
    /// Several commands per packet (RFC 2920).
    pub pipelining: bool,
    /// The SIZE parameter of MAIL FROM (RFC 1870).
    pub size: bool,
    /// AUTH PLAIN (RFC 4616).
    pub auth_plain: bool,
    /// AUTH LOGIN.
    pub auth_login: bool,
}

impl Capabilities {
    /// Parses the lines of an EHLO reply. The first line only names the host.
    pub fn parse(lines: &[String]) -> Self {
        let mut offered = Self::default();
        for line in lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            // Servers wrote `AUTH=PLAIN` before RFC 2554.
            let mut words = line.split([' ', '=']);
            match words.next().unwrap_or_default() {
                "STARTTLS" => offered.starttls = true,
                "PIPELINING" => offered.pipelining = true,
                "SIZE" => offered.size = true,
                "AUTH" => {
                    for mechanism in words {
                        offered.auth_plain |= mechanism == "PLAIN";
                        offered.auth_login |= mechanism == "LOGIN";
                    }
                }
                _ => {}
            }
        }
        offered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_matched_as_whole_words() {
        let lines = [
            "STARTTLS.example",
            "Pipelining",
            "SIZE 1000",
            "AUTH=LOGIN",
            "AUTH PLAIN CRAM-MD5",
            "XPIPELINING",
        ];
        let offered = Capabilities::parse(&lines.map(str::to_owned));

        assert_eq!(
            offered,
            Capabilities {
                starttls: false,
                pipelining: true,
                size: true,
                auth_plain: true,
                auth_login: true
            }
        );
        assert_eq!(Capabilities::parse(&[]), Capabilities::default());
    }
}
