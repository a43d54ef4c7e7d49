//! `broadsheet demo`: all of it in a throw-away folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use tokio::net::TcpListener;

use crate::app::App;
use crate::cli::serve::stop_signal;
use crate::cli::{CliError, Context};
use crate::config::Sources;
use crate::domain::clock::SystemClock;
use crate::domain::email_address::EmailAddress;
use crate::domain::random::Random;
use crate::domain::subscriber::SubscriberName;
use crate::subscription::ImportOptions;
use crate::web::sample_blog::SampleBlog;

#[derive(Debug, Args)]
pub struct Demo {
    /// Use this folder and leave it there
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Where to listen [default: port 8080, or a free one]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
}

const READERS: [&str; 25] = [
    "Ada", "Amir", "Beatriz", "Chidi", "Daria", "Emil", "Fatima", "Goran", "Hana", "Ivo", "Jasmin",
    "Kofi", "Lena", "Mio", "Noor", "Oskar", "Priya", "Quentin", "Rosa", "Sven", "Tala", "Umar",
    "Vera", "Wen", "Zoe",
];

impl Demo {
    pub async fn run(self, context: &Context) -> Result<(), CliError> {
        let random = Random::from_os()?;
        let folder = Folder::new(self.keep, &random)?;
        let web = listen(self.port).await?;
        let blog = TcpListener::bind("127.0.0.1:0").await?;
        let newsletter_url = format!("http://{}", web.local_addr()?);
        let blog_host = blog.local_addr()?.to_string();
        let blog_url = format!("http://{blog_host}");

        let sources = sources(&folder.path, &newsletter_url, &blog_host);
        let app = App::open(sources, Arc::new(SystemClock), Arc::new(random)).await?;
        let stop = stop_signal()?;
        let sample = SampleBlog::new(&blog_url, &newsletter_url, app.clock.now());
        let sample = sample.map_err(|error| CliError::Failed(error.to_string()))?;
        let blog_stop = stop.clone();
        let blog = tokio::spawn(async move { sample.serve(blog, blog_stop).await });

        take_in_readers(&app).await?;
        app.digests()?.collect().await?;
        let desk = match app.first_run_link().await? {
            Some(link) => link,
            None => format!("{newsletter_url}/admin"),
        };
        self::tell(
            context,
            &Links {
                form: &newsletter_url,
                desk: &desk,
                blog: &blog_url,
            },
            &folder,
        )?;
        app.serve(web, stop.clone()).await?;
        stop.cancel();
        let _ = blog.await;
        app.close().await;
        Ok(())
    }
}

struct Links<'a> {
    form: &'a str,
    desk: &'a str,
    blog: &'a str,
}

fn tell(context: &Context, links: &Links<'_>, folder: &Folder) -> Result<(), CliError> {
    let Links { form, desk, blog } = links;
    let path = folder.path.display();
    let line = json!({
        "form": format!("{form}/"), "desk": desk, "outbox": format!("{form}/admin/outbox"), "blog": format!("{blog}/"),
        "folder": folder.path, "readers": READERS.len(),
    });
    context.output.line(&line, || {
        let end = if folder.is_kept { "it stays" } else { "it is thrown away at the end" };
        format!(
            "Broadsheet demo: {readers} readers, a sample blog, and no mail server: mail is kept as files.\n\
             \n\
             1  Sign up as a reader       {form}/\n\
             2  Make your login           {desk}\n\
             3  Read your mail, confirm   {form}/admin/outbox\n\
             4  See the next issue, send  {form}/admin/next\n\
             \n\
             The blog is {blog}/ and all files are in {path} ({end}). Stop with Ctrl-C.",
            readers = READERS.len(),
        )
    })
}

/// Port 8080 as in the settings' defaults, or a free one where it is taken.
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

/// Nothing of whoever runs it: neither their settings file nor their environment.
fn sources(folder: &Path, public_url: &str, blog_host: &str) -> Sources {
    let at = |name: &str| folder.join(name).display().to_string();
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

async fn take_in_readers(app: &App) -> Result<(), CliError> {
    let subscriptions = app.subscriptions();
    let how = ImportOptions {
        source: "the demo".to_owned(),
        pending: false,
    };
    for name in READERS {
        let address = EmailAddress::parse(&format!("{}@readers.example.com", name.to_lowercase()))?;
        let name =
            SubscriberName::parse(name).map_err(|error| CliError::Failed(error.to_string()))?;
        subscriptions.import_subscriber(address, name, &how).await?;
    }
    Ok(())
}

/// Where the demo keeps everything.
struct Folder {
    path: PathBuf,
    is_kept: bool,
}

impl Folder {
    fn new(keep: Option<PathBuf>, random: &Random) -> Result<Self, CliError> {
        let is_kept = keep.is_some();
        let name = format!("broadsheet-demo-{}", hex::encode(random.bytes::<6>()));
        let path = keep.unwrap_or_else(|| std::env::temp_dir().join(name));
        std::fs::create_dir_all(&path)
            .and_then(|()| path.canonicalize())
            .map(|path| Self { path, is_kept })
            .map_err(|error| {
                CliError::Failed(format!("cannot make a folder for the demo: {error}"))
            })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.is_kept {
            // The system empties its folder of temporary files in time, too.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
