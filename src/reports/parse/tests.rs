use super::finding::ReportKind::{Complaint, Delayed, Failed, Other};
use super::verdict::Verdict::{Dead, Full, Soft};
use super::*;

/// Files whose yardstick calls them soft, although the server's reply says that the address does not
/// exist: `5.1.10 RecipientNotFound` and `550 Unknown user`.
const DEAD_BY_THEIR_REPLY: &[&str] = &["lhost-office365-13.eml", "rhost-nttdocomo-02.eml"];

/// Prints how the reports of a folder are read, and fails if one suppresses wrongly.
///
/// The folder is named by `BROADSHEET_REPORT_CORPUS` and has a file `expected.tsv` with the
/// columns file and kind: `dead`, `soft`, `failed`, `delayed`, `complaint`, `nothing` or `open`.
#[test]
fn corpus_suppresses_nobody_wrongly() {
    let Some(folder) = std::env::var_os("BROADSHEET_REPORT_CORPUS") else {
        return;
    };
    let folder = std::path::Path::new(&folder);
    let expected = std::fs::read_to_string(folder.join("expected.tsv")).unwrap();
    let (mut right, mut all, mut wrong) = (0, 0, Vec::new());
    for line in expected.lines().skip(1) {
        let mut columns = line.split('\t');
        let (file, kind) = (columns.next().unwrap(), columns.next().unwrap());
        let finding = parse_report(&std::fs::read(folder.join(file)).unwrap()).finding;
        let is_right = match kind {
            "dead" => finding.kind == Failed(Dead),
            "soft" => matches!(finding.kind, Failed(Soft | Full) | Delayed),
            "failed" => matches!(finding.kind, Failed(_) | Delayed),
            "delayed" => matches!(finding.kind, Delayed | Other),
            "complaint" => finding.kind == Complaint,
            "nothing" => finding.kind == Other,
            _ => finding.kind != Failed(Dead),
        };
        all += 1;
        right += usize::from(is_right);
        if !is_right {
            println!(
                "{file}\t{kind}\t{:?}\t{:?}\t{}",
                finding.kind, finding.status, finding.reason
            );
        }
        let is_exempt = DEAD_BY_THEIR_REPLY.contains(&file) || matches!(kind, "dead" | "failed");
        if finding.kind == Failed(Dead) && !is_exempt {
            wrong.push(file.to_owned());
        }
    }
    println!("{right} of {all}");
    assert!(wrong.is_empty(), "suppressed wrongly: {wrong:?}");
}

/// Returns a report of one failed recipient with these fields.
fn delivery_status(fields: &str) -> String {
    format!(
        "Return-Path: <>\nFrom: MAILER-DAEMON@relay.example\nSubject: Undelivered Mail\n\
         MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n\
         --b\nContent-Type: text/plain\n\nYour message was not delivered.\n\n\
         --b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; relay.example\n\n{fields}\n\n--b--\n"
    )
}

#[test]
fn delivery_status_is_read_by_action_code_and_words() {
    let cases = [
        ("Action: failed\nStatus: 5.1.1", Failed(Dead)),
        (
            "Action: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 5.1.1 gone",
            Failed(Dead),
        ),
        ("Action: failed\nStatus: 5.2.2", Failed(Full)),
        ("Action: failed\nStatus: 5.7.1", Failed(Soft)),
        ("Action: failed\nStatus: 5.1.8", Failed(Soft)),
        (
            "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 blocked as spam",
            Failed(Soft),
        ),
        ("Action: failed\nStatus: 4.4.7", Delayed),
        ("Action: delayed\nStatus: 4.4.1", Delayed),
        ("Action: delivered\nStatus: 2.0.0", Other),
    ];
    for (fields, kind) in cases {
        let report = delivery_status(fields);
        for text in [report.clone(), report.replace('\n', "\r\n")] {
            assert_eq!(parse_report(text.as_bytes()).finding.kind, kind, "{fields}");
        }
    }
}

#[test]
fn notice_without_parts_is_read_by_its_words() {
    let qmail = "From: MAILER-DAEMON@q.example\nSubject: failure notice\n\n\
        I wasn't able to deliver your message.\n<a@q.example>:\nNo mailbox here by that name. (#5.1.1)\n";
    assert_eq!(parse_report(qmail.as_bytes()).finding.kind, Failed(Dead));
    let answer = "From: Ada <ada@example.org>\nReturn-Path: <ada@example.org>\nSubject: Re: failure notice\n\n\
        > 550 5.1.1 user unknown\nWhat does this mean?\n";
    let vacation = "From: Ada <ada@example.org>\nReturn-Path: <>\nSubject: Out of office\n\n\
        Mail delivery is slow here.\n";
    for text in [answer, vacation, "", "\0\u{1}junk"] {
        assert_eq!(parse_report(text.as_bytes()).finding.kind, Other, "{text}");
    }
}

#[test]
fn feedback_type_decides_about_complaint() {
    for (word, kind) in [
        ("abuse", Complaint),
        ("not-spam", Other),
        ("auth-failure", Other),
    ] {
        let text = format!(
            "From: fbl@mail.example\nContent-Type: multipart/report; boundary=b\n\n\
             --b\nContent-Type: message/feedback-report\n\nFeedback-Type: {word}\n\n--b--\n"
        );
        assert_eq!(parse_report(text.as_bytes()).finding.kind, kind, "{word}");
    }
}
