//! Bounce notices without a machine-readable part: old qmail, Exim, Exchange, gateways.

use crate::reports::parse::finding::{Finding, ReportKind};
use crate::reports::parse::mail::ParsedMail;
use crate::reports::parse::verdict::{self, Verdict};

/// Lines at which the returned message begins.
const RETURNED_MESSAGE_MARKS: &[&str] = &[
    "below this line is a copy",
    "this is a copy of the message",
    "this is a copy of your message",
    "message headers follow",
    "original message follows",
    "original message",
    "unsent message below",
    "returned message follows",
    "content of the original message",
    "copy of the original message",
    "message text follows",
    "message header follows",
    "undelivered message",
    "received: from",
    "received: by",
];

/// Words that only a mail system writes about a message that it could not deliver.
const FAILURE_WORDS: &[&str] = &[
    "undeliver",
    "not deliver",
    "delivery fail",
    "failed delivery",
    "failure notice",
    "delivery error",
    "delivery status notification",
    "delivery notification",
    "returned mail",
    "returned to sender",
    "mail delivery",
    "mail system error",
    "mail could not be",
    "could not be delivered",
    "couldn't be delivered",
    "wasn't able to deliver",
    "unable to deliver",
    "permanent error",
    "delivery has failed",
    "did not reach the following recipient",
    "permanent fatal errors",
    "delivery to the following recipient",
    "non remis",
    "unzustellbar",
    "nicht zugestellt",
];

/// Words of notices about a message that is still being tried.
const DELAY_WORDS: &[&str] = &[
    "delayed",
    "delay)",
    "will retry",
    "will be retried",
    "will continue to try",
    "will keep trying",
    "still being retried",
    "still trying",
    "has not yet been delivered",
    "not yet been delivered",
    "no action is required",
    "do not need to resend",
    "don't need to resend",
    "do not resend",
    "warning: could not send",
    "warning: message",
    "verzögert",
];

/// Words in the header of automatic replies.
const AUTO_REPLY_WORDS: &[&str] = &[
    "vacation",
    "out of office",
    "out of the office",
    "autoreply",
    "auto-reply",
    "auto reply",
    "automatic reply",
    "abwesenheit",
    "absence",
];

/// Returns what the words of a notice say; `None` if it is no notice of a mail system.
pub(super) fn find(mail: &ParsedMail) -> Option<Finding> {
    if !is_from_mail_system(mail) {
        return None;
    }
    let text = mail.notice();
    let notice = without_returned_message(&text);
    let lower = format!("{}\n{notice}", mail.subject).to_lowercase();
    let contains = |phrases: &[&str]| phrases.iter().any(|phrase| lower.contains(phrase));
    let code = verdict::enhanced_code(notice);
    if contains(DELAY_WORDS) && !lower.contains("giving up") && !lower.contains("given up") {
        return Some(Finding {
            kind: ReportKind::Delayed,
            status: code,
            reason: mail.subject.clone(),
        });
    }
    let verdict = verdict::decide(code.as_deref(), &lower);
    if verdict.is_none() && !contains(FAILURE_WORDS) {
        return None;
    }
    let verdict = verdict.unwrap_or(Verdict::Soft);
    let kind = match verdict {
        Verdict::Soft if verdict::is_temporary(code.as_deref(), &lower) => ReportKind::Delayed,
        verdict => ReportKind::Failed(verdict),
    };
    Some(Finding {
        kind,
        status: code,
        reason: reason(notice, mail),
    })
}

/// Returns the line that explains the failure: the one with words or a code that decided.
fn reason(notice: &str, mail: &ParsedMail) -> String {
    let explains = |line: &&str| {
        verdict::decide(None, line).is_some() || verdict::enhanced_code(line).is_some()
    };
    let line = notice.lines().find(explains);
    line.unwrap_or(&mail.subject).trim().to_owned()
}

/// Returns whether a mail system wrote the mail, and not a person or their automatic reply.
fn is_from_mail_system(mail: &ParsedMail) -> bool {
    let subject = mail.subject.to_lowercase();
    let header = mail.header.to_lowercase();
    let is_auto_reply = AUTO_REPLY_WORDS.iter().any(|word| subject.contains(word))
        || header.contains("auto-replied (vacation)")
        || header.contains("x-autoreply")
        || header.contains("\nx-autorespond")
        || header.contains("x-auto-response-suppress: all\nx-vacation");
    if is_auto_reply {
        return false;
    }
    let from = mail.from.to_lowercase();
    let is_daemon = [
        "mailer-daemon",
        "mailer_daemon",
        "mailerdaemon",
        "postmaster",
        "mail delivery",
        "mail-daemon",
        "maildelivery",
        "system administrator",
        "system attendant",
        "mail system",
        "no-reply@",
        "bounce",
    ]
    .iter()
    .any(|name| from.contains(name))
        || mail.from.trim().is_empty()
        || mail.from.trim() == "<>";
    let is_answer = subject.starts_with("re:") || subject.starts_with("aw:");
    let is_notice = FAILURE_WORDS.iter().any(|word| subject.contains(word));
    is_daemon || (is_notice && !is_answer && mail.has_null_sender)
}

/// Cuts the returned message off.
fn without_returned_message(text: &str) -> &str {
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let lower = line.trim().to_ascii_lowercase();
        if offset > 0
            && RETURNED_MESSAGE_MARKS
                .iter()
                .any(|mark| lower.contains(mark))
        {
            return &text[..offset];
        }
        offset += line.len();
    }
    text
}
