//! The form tells nobody who reads: not by its words, and not by how long it takes.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use super::subscriber_lifecycle::serve;
use crate::support::browser::Browser;
use crate::support::newsletter::Newsletter;
use crate::support::smtp_server::SmtpServer;

const SAMPLES: usize = 200;

/// The middle, and the quarters around it.
struct Spread {
    low: Duration,
    middle: Duration,
    high: Duration,
}

impl Spread {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |share: usize| times[times.len() * share / 4];
        Self {
            low: at(1),
            middle: at(2),
            high: at(3),
        }
    }

    fn width(&self) -> Duration {
        self.high - self.low
    }
}

#[tokio::test]
#[ignore = "takes its time, and wants a machine that is not busy: tests/run --full"]
async fn a_known_address_takes_as_long_as_an_unknown_one() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url())
        .await
        .with("limits.signups_per_ip_hour", "100000")
        .with("limits.signups_per_domain_hour", "100000");
    let (newsletter, running, site) = serve(newsletter).await;
    newsletter.import_readers(SAMPLES).await;
    let browser = Browser::new();
    let stamp = browser.get(&format!("{site}/")).await.field("stamp");
    let subscribe = format!("{site}/subscribe");
    let timed = async |address: String| {
        let fields = [("email", address.as_str()), ("stamp", &stamp)];
        let begun = Instant::now();
        let answer = browser.post(&subscribe, &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        begun.elapsed()
    };
    for number in 0..20 {
        timed(format!("warm{number:04}@example.com")).await;
    }
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    // In turns, so that whatever else the machine does is done to both.
    for number in 1..=SAMPLES {
        known.push(timed(format!("reader{number}@example.com")).await);
        unknown.push(timed(format!("nobody{number}@example.com")).await);
    }
    let (known, unknown) = (Spread::of(known), Spread::of(unknown));
    let apart = known.middle.abs_diff(unknown.middle);
    let noise = known.width().max(unknown.width());
    println!(
        "known {:?}, unknown {:?}, {apart:?} apart; half of each lies within {noise:?}",
        known.middle, unknown.middle
    );
    assert!(
        apart < noise,
        "{apart:?} apart, which is more than the noise of {noise:?}"
    );
    assert_eq!(running.terminate().await.code(), Some(0));
}
