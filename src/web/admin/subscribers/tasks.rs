//! Long work on the list that was begun at the desk. It is kept in this process: its pages
//! outlive a reload, and a restart ends both.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::clock::Timestamp;
use crate::web::admin::subscribers::bulk::BulkTask;
use crate::web::admin::subscribers::import::Import;

/// How many are remembered.
const MOST: usize = 32;

/// Works by their id; ids sort by time.
#[derive(Debug)]
pub struct TaskRegistry<T>(Mutex<BTreeMap<String, Arc<T>>>);

impl<T> Default for TaskRegistry<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> TaskRegistry<T> {
    /// Keeps one more, and forgets the oldest of too many; who still works on that goes on.
    pub fn keep(&self, id: String, work: Arc<T>) {
        let mut works = lock(&self.0);
        works.insert(id, work);
        if works.len() > MOST {
            works.pop_first();
        }
    }

    pub fn get(&self, id: &str) -> Option<Arc<T>> {
        lock(&self.0).get(id).map(Arc::clone)
    }

    /// Forgets all that `wanted` does not want.
    pub fn keep_only(&self, wanted: impl Fn(&T) -> bool) {
        lock(&self.0).retain(|_, work| wanted(work));
    }

    pub fn forget(&self, id: &str) {
        lock(&self.0).remove(id);
    }
}

/// What is behind the lock is whole at every moment, whoever panicked.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Long work on the list. It outlives a change of the settings, and ends with the process.
#[derive(Debug)]
pub struct BackgroundTasks {
    /// Where files are kept between looking through them and taking them in.
    pub folder: PathBuf,
    pub imports: TaskRegistry<Import>,
    pub sweeps: TaskRegistry<BulkTask>,
}

impl BackgroundTasks {
    /// Keeps its files in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            imports: TaskRegistry::default(),
            sweeps: TaskRegistry::default(),
        }
    }

    #[cfg(test)]
    pub fn folder(&self) -> PathBuf {
        self.folder.clone()
    }

    /// Lets go of lists that nobody came back for, and of their files.
    pub fn forget_abandoned(&self, now: Timestamp) {
        self.imports.keep_only(|import| !import.is_abandoned(now));
    }

    /// Removes what an earlier process left there: nobody can ask for it any more.
    pub fn tidy_up(&self) {
        match std::fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!(%error, "files of an earlier import could not be removed");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_too_many_is_forgotten() {
        let works = TaskRegistry::default();
        for n in 0..=MOST {
            works.keep(format!("{n:03}"), Arc::new(n));
        }
        assert!(works.get("000").is_none());
        assert_eq!(works.get("032").as_deref(), Some(&32));
        works.forget("032");
        assert!(works.get("032").is_none());
    }
}
