-- Offers and claims (R11). A list is what is offered for a task in a grid; manager 0 stands for all members of the list.
CREATE TABLE managers (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE customers (id INTEGER PRIMARY KEY, grid TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (grid, name)) STRICT;
CREATE TABLE lists (
  id INTEGER PRIMARY KEY, grid TEXT NOT NULL, task TEXT NOT NULL, mode TEXT NOT NULL, UNIQUE (grid, task)
) STRICT;
CREATE TABLE members (list INTEGER NOT NULL, manager INTEGER NOT NULL, PRIMARY KEY (list, manager)) STRICT, WITHOUT ROWID;
CREATE TABLE offers (
  list INTEGER NOT NULL, place INTEGER NOT NULL, manager INTEGER NOT NULL, customer INTEGER NOT NULL, weight REAL NOT NULL,
  PRIMARY KEY (list, place, manager)
) STRICT, WITHOUT ROWID;
CREATE INDEX offers_by_customer ON offers (customer, manager);
CREATE TABLE claims (customer INTEGER PRIMARY KEY, manager INTEGER NOT NULL) STRICT;

-- Messages (R10). A batch is what goes into an outlet's file in one piece; `start` and `bytes` say where it stands there.
CREATE TABLE allocations (
  period TEXT NOT NULL, task TEXT NOT NULL, customer TEXT NOT NULL, manager TEXT NOT NULL, score REAL NOT NULL,
  PRIMARY KEY (period, task, customer)
) STRICT, WITHOUT ROWID;
CREATE TABLE messages (
  seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, period TEXT NOT NULL, task TEXT NOT NULL, customer TEXT NOT NULL,
  manager TEXT NOT NULL, text TEXT NOT NULL, link TEXT, slogan TEXT, picture TEXT, edited INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'leaving', 'left', 'cancelled')), batch INTEGER
) STRICT;
CREATE INDEX messages_queued ON messages (seq) WHERE state = 'queued';
CREATE INDEX messages_by_customer ON messages (customer, period);
CREATE INDEX messages_by_batch ON messages (batch, seq) WHERE batch IS NOT NULL;
CREATE TABLE opt_outs (customer TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE outlets (id INTEGER PRIMARY KEY, file TEXT NOT NULL UNIQUE, bytes INTEGER NOT NULL) STRICT;
CREATE TABLE batches (
  id INTEGER PRIMARY KEY, outlet INTEGER NOT NULL, start INTEGER NOT NULL, bytes INTEGER NOT NULL,
  written INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX batches_unwritten ON batches (outlet) WHERE written = 0;
