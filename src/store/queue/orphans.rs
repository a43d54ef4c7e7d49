//! What is leased to a process that is not there. It is of one that resigned, or was taken
//! for dead, while a statement of its own was still at work in the database.

use crate::domain::clock::Timestamp;
use crate::domain::delivery::in_doubt::InDoubtPolicy;
use crate::store::queue::lease::resolve_leases;
use crate::store::{Store, StoreError};

// A process joins before it takes anything up, and its id never comes again.
const OWNERLESS: &str = "SELECT DISTINCT lease FROM deliveries
    WHERE lease IS NOT NULL AND lease NOT IN (SELECT id FROM workers)";

impl Store {
    /// Takes it up as what a dead process had leased. Returns how many those were.
    pub async fn reclaim_orphans(
        &self,
        policy: InDoubtPolicy,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let leases: Vec<String> = sqlx::query_scalar(OWNERLESS).fetch_all(&self.pool).await?;
        for lease in &leases {
            let mut tx = self.begin_write().await?;
            resolve_leases(&mut tx, lease, policy, now).await?;
            tx.commit().await?;
        }
        Ok(leases.len())
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[OWNERLESS];
