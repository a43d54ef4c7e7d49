//! `broadsheet digest preview`

use std::path::Path;

use crate::cli::context::Context;
use crate::cli::digest::send::collect_feeds;
use crate::cli::error::CliError;
use crate::digest::{DigestService, Draft};
use crate::domain::issue::slot::Slot;

pub async fn preview(context: &Context, out: Option<&Path>) -> Result<(), CliError> {
    let app = context.app().await?;
    let digests = app.digests()?;
    collect_feeds(&digests).await?;
    let draft = digests.draft().await?;
    let slot = app.settings.schedule.plan.slot_of(app.clock.now());
    if let Some(out) = out {
        write_sample(&digests, &draft, out)?;
    }
    context.output.print_result(&draft.to_json(&slot), || {
        preview_text(&digests, &draft, &slot)
    })?;
    app.close().await;
    Ok(())
}

fn preview_text(digests: &DigestService, draft: &Draft, slot: &Slot) -> String {
    let mut text = format!(
        "No. {} for {slot}, to {} subscribers\n",
        draft.number, draft.recipients
    );
    if digests.is_worth_sending(draft) {
        text.push_str(&format!("Subject: {}\n", draft.subject));
    } else if draft.recipients == 0 {
        text.push_str("No active subscribers, so nothing would be sent.\n");
    } else {
        text.push_str("Too few new posts, so nothing would be sent.\n");
    }
    for (position, (post, reason)) in (1..).zip(&draft.selection.chosen) {
        text.push_str(&format!(
            "\n{position}. {}\n   {}\n   included: {reason}",
            post.title, post.url
        ));
    }
    for (post, reason) in &draft.selection.excluded {
        text.push_str(&format!("\n-  {}\n   left out: {reason}", post.title));
    }
    text
}

fn write_sample(digests: &DigestService, draft: &Draft, out: &Path) -> Result<(), CliError> {
    let (content, message) = digests.render_sample(draft)?;
    let failed =
        |error: std::io::Error| CliError::Failed(format!("--out {}: {error}", out.display()));
    std::fs::create_dir_all(out).map_err(failed)?;
    std::fs::write(out.join("digest.html"), &content.html).map_err(failed)?;
    std::fs::write(out.join("digest.txt"), &content.text).map_err(failed)?;
    std::fs::write(out.join("digest.eml"), message).map_err(failed)
}
