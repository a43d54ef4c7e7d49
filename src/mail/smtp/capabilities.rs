//! What a server says it can do (RFC 5321 §4.1.1.1).

/// Read from the reply to EHLO. A server that only knows HELO can do none of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Capabilities {
    /// RFC 3207.
    pub starttls: bool,
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 1870.
    pub size: bool,
    pub auth_plain: bool,
    pub auth_login: bool,
}

impl Capabilities {
    /// From the lines of the reply, the first of which only names the host.
    pub fn of(lines: &[String]) -> Self {
        let mut found = Self::default();
        for line in lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            // `AUTH=PLAIN` is how servers wrote it before RFC 2554.
            let mut words = line.split([' ', '=']);
            match words.next().unwrap_or_default() {
                "STARTTLS" => found.starttls = true,
                "PIPELINING" => found.pipelining = true,
                "SIZE" => found.size = true,
                "AUTH" => {
                    for mechanism in words {
                        found.auth_plain |= mechanism == "PLAIN";
                        found.auth_login |= mechanism == "LOGIN";
                    }
                }
                _ => {}
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_said() {
        let lines = [
            "STARTTLS.example",
            "Pipelining",
            "SIZE 1000",
            "AUTH=LOGIN",
            "AUTH PLAIN CRAM-MD5",
            "XPIPELINING",
        ];
        let found = Capabilities::of(&lines.map(str::to_owned));
        assert_eq!(
            found,
            Capabilities {
                starttls: false,
                pipelining: true,
                size: true,
                auth_plain: true,
                auth_login: true
            }
        );
        assert_eq!(Capabilities::of(&[]), Capabilities::default());
    }
}
