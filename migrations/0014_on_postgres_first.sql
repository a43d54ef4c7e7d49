-- Room on each page for the copies on it to be written once more.
ALTER TABLE deliveries SET (fillfactor = 60);
