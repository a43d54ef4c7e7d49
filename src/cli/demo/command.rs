//! Runs a complete newsletter in a temporary directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use tokio::net::TcpListener;

use crate::app::App;
use crate::cli::context::Context;
use crate::cli::demo::sample_blog::SampleBlog;
use crate::cli::error::CliError;
use crate::cli::signals::stop_signal;
use crate::config::Sources;
use crate::domain::clock::SystemClock;
use crate::domain::email_address::EmailAddress;
use crate::domain::random::Random;
use crate::domain::subscriber::SubscriberName;
use crate::subscription::ImportOptions;

#[derive(Debug, Args)]
pub struct Demo {
    /// Use this directory and keep it
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Port to listen on [default: 8080, or a free one]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
}

/// Names of the sample subscribers.
const SUBSCRIBERS: [&str; 25] = [
    "Ada", "Amir", "Beatriz", "Chidi", "Daria", "Emil", "Fatima", "Goran", "Hana", "Ivo", "Jasmin",
    "Kofi", "Lena", "Mio", "Noor", "Oskar", "Priya", "Quentin", "Rosa", "Sven", "Tala", "Umar",
    "Vera", "Wen", "Zoe",
];

impl Demo {
    pub async fn run(self, context: &Context) -> Result<(), CliError> {
        let random = Random::from_os()?;
        let directory = Directory::new(self.keep, &random)?;
        let web = listen(self.port).await?;
        let blog = TcpListener::bind("127.0.0.1:0").await?;
        let newsletter_url = format!("http://{}", web.local_addr()?);
        let blog_host = blog.local_addr()?.to_string();
        let blog_url = format!("http://{blog_host}");

        let sources = demo_settings(&directory.path, &newsletter_url, &blog_host);
        let app = App::open(sources, Arc::new(SystemClock), Arc::new(random)).await?;
        let stop = stop_signal()?;
        let sample = SampleBlog::new(&blog_url, &newsletter_url, app.clock.now());
        let sample = sample.map_err(|error| CliError::Failed(error.to_string()))?;
        let blog_stop = stop.clone();
        let blog = tokio::spawn(async move { sample.serve(blog, blog_stop).await });

        add_subscribers(&app).await?;
        app.digests()?.collect().await?;
        let admin_url = match app.first_run_link().await? {
            Some(link) => link,
            None => format!("{newsletter_url}/admin"),
        };
        let urls = Urls {
            form: &newsletter_url,
            admin: &admin_url,
            blog: &blog_url,
        };
        print_urls(context, &urls, &directory)?;
        app.serve(web, stop.clone()).await?;
        stop.cancel();
        let _ = blog.await;
        app.close().await;
        Ok(())
    }
}

struct Urls<'a> {
    form: &'a str,
    admin: &'a str,
    blog: &'a str,
}

fn print_urls(context: &Context, urls: &Urls<'_>, directory: &Directory) -> Result<(), CliError> {
    let Urls { form, admin, blog } = urls;
    let path = directory.path.display();
    let result = json!({
        "form": format!("{form}/"), "desk": admin, "outbox": format!("{form}/admin/outbox"), "blog": format!("{blog}/"),
        "folder": directory.path, "readers": SUBSCRIBERS.len(),
    });
    context.output.print_result(&result, || {
        let end = if directory.is_kept { "kept on exit" } else { "deleted on exit" };
        format!(
            "Broadsheet demo: {count} subscribers and a sample blog. Mail is written to files, not sent.\n\
             \n\
             1  Sign up as a subscriber         {form}/\n\
             2  Create your login               {admin}\n\
             3  Read your mail and confirm      {form}/admin/outbox\n\
             4  Review and send the next issue  {form}/admin/next\n\
             \n\
             The blog is {blog}/ and all files are in {path} ({end}). Stop with Ctrl-C.",
            count = SUBSCRIBERS.len(),
        )
    })
}

/// Listens on `port`, or on the default port 8080, or on a free one if that is in use.
async fn listen(port: Option<u16>) -> Result<TcpListener, CliError> {
    let bind = async |port: u16| TcpListener::bind(("127.0.0.1", port)).await;
    let bound = match port {
        Some(port) => bind(port).await,
        None => match bind(8080).await {
            Err(_) => bind(0).await,
            bound => bound,
        },
    };
    bound.map_err(|error| CliError::Failed(format!("cannot listen: {error}")))
}

/// Returns settings that ignore the user's settings file and environment.
fn demo_settings(directory: &Path, public_url: &str, blog_host: &str) -> Sources {
    let at = |name: &str| directory.join(name).display().to_string();
    let pairs = [
        ("SERVER__PUBLIC_URL", public_url.to_owned()),
        ("DATABASE__URL", format!("sqlite:{}", at("broadsheet.db"))),
        ("SECRETS__KEY_FILE", at("secret.key")),
        ("MAIL__OUTBOX", at("outbox")),
        ("NEWSLETTER__NAME", "Example Lab".to_owned()),
        (
            "NEWSLETTER__TAGLINE",
            "The hottest research right in your inbox".to_owned(),
        ),
        (
            "NEWSLETTER__FROM",
            "Example Lab <weekly@lab.example.com>".to_owned(),
        ),
        (
            "NEWSLETTER__POSTAL_ADDRESS",
            "1 Example Street, Exampleton".to_owned(),
        ),
        ("FEEDS__URLS", format!("[\"http://{blog_host}/feed.xml\"]")),
        ("FEEDS__ALLOW_PRIVATE", format!("[\"{blog_host}\"]")),
    ];
    let variables = pairs.map(|(key, value)| (format!("BROADSHEET_{key}"), value));
    Sources::new(None, variables)
}

async fn add_subscribers(app: &App) -> Result<(), CliError> {
    let subscriptions = app.subscriptions();
    let options = ImportOptions {
        source: "the demo".to_owned(),
        state: None,
        prefers_file_source: false,
    };
    for name in SUBSCRIBERS {
        let address = EmailAddress::parse(&format!("{}@readers.example.com", name.to_lowercase()))?;
        let name =
            SubscriberName::parse(name).map_err(|error| CliError::Failed(error.to_string()))?;
        subscriptions
            .import_subscriber(address, name, &options)
            .await?;
    }
    Ok(())
}

/// The directory of the demo, deleted on drop unless it is kept.
struct Directory {
    path: PathBuf,
    is_kept: bool,
}

impl Directory {
    fn new(keep: Option<PathBuf>, random: &Random) -> Result<Self, CliError> {
        let is_kept = keep.is_some();
        let name = format!("broadsheet-demo-{}", hex::encode(random.bytes::<6>()));
        let path = keep.unwrap_or_else(|| std::env::temp_dir().join(name));
        std::fs::create_dir_all(&path)
            .and_then(|()| path.canonicalize())
            .map(|path| Self { path, is_kept })
            .map_err(|error| {
                CliError::Failed(format!("cannot create a directory for the demo: {error}"))
            })
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if !self.is_kept {
            // An error is ignored: the system cleans up its temporary directory.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
