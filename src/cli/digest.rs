//! `broadsheet digest`

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::cli::send::{self, Wait};
use crate::cli::{CliError, Context};
use crate::digest::{DigestService, Draft};
use crate::domain::issue::slot::Slot;

#[derive(Debug, Subcommand)]
pub enum Digest {
    /// What would go out now: its posts, why each is in, and what is left out
    Preview {
        /// Also write digest.html, digest.txt and digest.eml there
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Make the week's issue and send it; for cron. Once per slot, whoever asks
    Send(Send),
}

#[derive(Debug, Args)]
pub struct Send {
    /// The week the issue belongs to [default: this one]
    #[arg(long, value_name = "2026-W48", conflicts_with = "extra")]
    slot: Option<String>,
    /// An issue beside the week's
    #[arg(long)]
    extra: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Deliver here and now, and come back when nothing is to go
    #[arg(long)]
    wait: bool,
    /// How long to wait when only deferred mail is left
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = duration)]
    wait_max: Duration,
}

impl Digest {
    pub async fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::Preview { out } => preview(context, out.as_deref()).await,
            Self::Send(asked) => asked.run(context).await,
        }
    }
}

impl Send {
    async fn run(self, context: &Context) -> Result<(), CliError> {
        let slot = self.slot.as_deref().map(Slot::parse).transpose();
        let slot = slot.map_err(|error| CliError::Usage(format!("--slot: {error}")))?;
        if !context.has_database()? {
            context.settings()?.require_sending_settings()?;
        }
        let app = context.app().await?;
        app.settings.require_sending_settings()?;
        // What is wrong with the way out is told before there is an issue.
        app.deliveries()?;
        let this_week = app.settings.schedule.plan.slot_of(app.clock.now());
        let slot = if self.extra {
            None
        } else {
            Some(slot.unwrap_or(this_week))
        };
        let wait = self.wait.then_some(Wait {
            most: self.wait_max,
        });
        let done = send::run(context, &app, slot, self.dry_run, wait).await;
        app.close().await;
        done
    }
}

async fn preview(context: &Context, out: Option<&Path>) -> Result<(), CliError> {
    let app = context.app().await?;
    let digests = app.digests()?;
    send::collect(&digests).await?;
    let draft = digests.draft().await?;
    let slot = app.settings.schedule.plan.slot_of(app.clock.now());
    if let Some(out) = out {
        write(&digests, &draft, out)?;
    }
    context.output.line(&draft.to_json(&slot), || {
        preview_words(&digests, &draft, &slot)
    })?;
    app.close().await;
    Ok(())
}

fn preview_words(digests: &DigestService, draft: &Draft, slot: &Slot) -> String {
    let mut words = format!(
        "No. {} for {slot}, to {} readers\n",
        draft.number, draft.recipients
    );
    if digests.is_worth_sending(draft) {
        words.push_str(&format!("Subject: {}\n", draft.subject));
    } else if draft.recipients == 0 {
        words.push_str("Nobody reads yet, so nothing would be sent.\n");
    } else {
        words.push_str("Nothing new, so nothing would be sent.\n");
    }
    for (place, (post, why)) in (1..).zip(&draft.selection.chosen) {
        words.push_str(&format!(
            "\n{place}. {}\n   {}\n   in: {why}",
            post.title, post.url
        ));
    }
    for (post, why) in &draft.selection.excluded {
        words.push_str(&format!("\n-  {}\n   left out: {why}", post.title));
    }
    words
}

fn write(digests: &DigestService, draft: &Draft, out: &Path) -> Result<(), CliError> {
    let (content, message) = digests.render_sample(draft)?;
    let failed =
        |error: std::io::Error| CliError::Failed(format!("--out {}: {error}", out.display()));
    std::fs::create_dir_all(out).map_err(failed)?;
    std::fs::write(out.join("digest.html"), &content.html).map_err(failed)?;
    std::fs::write(out.join("digest.txt"), &content.text).map_err(failed)?;
    std::fs::write(out.join("digest.eml"), message).map_err(failed)
}

/// `90s`, `15m`, `2h`, or seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((at, 's')) => (&text[..at], 1),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 3600),
        _ => (text, 1),
    };
    let seconds = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit));
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| "expected a time like 90s, 15m or 2h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(duration("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        for wrong in ["", "m", "1.5m", "-1s", "soon", "99999999999999999999h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
