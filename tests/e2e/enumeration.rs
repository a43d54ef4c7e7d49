//! The sign-up form does not reveal subscribed addresses through its response time.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use crate::support::http_client::HttpClient;
use crate::support::newsletter::Newsletter;
use crate::support::smtp_server::SmtpServer;

const SAMPLES: usize = 200;

/// First quartile, median and third quartile.
struct Quartiles {
    first: Duration,
    median: Duration,
    third: Duration,
}

impl Quartiles {
    fn from_times(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let quartile = |number: usize| times[times.len() * number / 4];
        Self {
            first: quartile(1),
            median: quartile(2),
            third: quartile(3),
        }
    }

    fn range(&self) -> Duration {
        self.third - self.first
    }
}

#[tokio::test]
#[ignore = "slow, and needs an idle machine: tests/run --full"]
async fn known_and_unknown_address_take_equally_long() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url())
        .await
        .with_setting("limits.signups_per_ip_hour", "100000")
        .with_setting("limits.signups_per_domain_hour", "100000");
    let (newsletter, running, site) = newsletter.serve().await;
    newsletter.import_subscribers(SAMPLES).await;
    let client = HttpClient::new();
    let stamp = client.get(&format!("{site}/")).await.hidden_field("stamp");
    let subscribe = format!("{site}/subscribe");
    let measure = async |address: String| {
        let fields = [("email", address.as_str()), ("stamp", &stamp)];
        let start = Instant::now();
        let page = client.post(&subscribe, &fields).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER);
        start.elapsed()
    };
    for number in 0..20 {
        measure(format!("warm{number:04}@example.com")).await;
    }
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    // Alternating, so that other load on the machine affects both.
    for number in 1..=SAMPLES {
        known.push(measure(format!("reader{number}@example.com")).await);
        unknown.push(measure(format!("unknown{number}@example.com")).await);
    }
    let (known, unknown) = (Quartiles::from_times(known), Quartiles::from_times(unknown));
    let difference = known.median.abs_diff(unknown.median);
    let noise = known.range().max(unknown.range());
    println!(
        "median: known {:?}, unknown {:?}; interquartile range {noise:?}",
        known.median, unknown.median
    );
    assert!(
        difference < noise,
        "the medians differ by {difference:?}, more than {noise:?}"
    );
    assert_eq!(running.terminate().await.code(), Some(0));
}
