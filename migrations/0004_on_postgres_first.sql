-- Addresses compare byte by byte, as they do on SQLite: the beginning of an address is then
-- a range of the index, whatever language the server was set up in.
ALTER TABLE subscribers ALTER COLUMN address_key TYPE TEXT COLLATE "C";

