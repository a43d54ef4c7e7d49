//! Not more than so many mails a second.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// Spaces the mails of one process evenly.
#[derive(Debug)]
pub struct Pace {
    rate_per_second: Option<u32>,
    next: Mutex<Instant>,
}

impl Pace {
    pub fn new(rate_per_second: Option<u32>) -> Self {
        Self { rate_per_second, next: Mutex::new(Instant::now()) }
    }

    /// Waits for this mail's turn, when the rate is shared among `living` processes.
    pub async fn turn(&self, living: usize) {
        let Some(rate) = self.rate_per_second else { return };
        let gap = Duration::from_secs_f64(living.max(1) as f64 / f64::from(rate));
        let mine = {
            let mut next = self.next.lock().await;
            let mine = (*next).max(Instant::now());
            *next = mine + gap;
            mine
        };
        tokio::time::sleep_until(mine).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn mails_are_spaced_and_the_rate_is_shared() {
        let pace = Pace::new(Some(10));
        let start = Instant::now();
        for _ in 0..11 {
            pace.turn(1).await;
        }
        assert_eq!(start.elapsed().as_millis() / 10, 100);
        let start = Instant::now();
        for _ in 0..3 {
            pace.turn(2).await;
        }
        assert!(start.elapsed() >= Duration::from_millis(399));
    }
}
