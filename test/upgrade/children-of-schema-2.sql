PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE perdure_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO perdure_meta VALUES('schema_version','2');
CREATE TABLE perdure_runs (
     n INTEGER PRIMARY KEY,
     id TEXT NOT NULL UNIQUE,
     flow TEXT NOT NULL,
     version INTEGER NOT NULL,
     status TEXT NOT NULL,
     worker_id TEXT,
     blocked_code TEXT,
     created_at INTEGER NOT NULL,
     finished_at INTEGER,
     parent_run_id TEXT,
     parent_operation_id TEXT,
     digest TEXT NOT NULL,
     seed TEXT NOT NULL,
     options TEXT,
     input TEXT NOT NULL,
     outcome TEXT
   , wake_at INTEGER);
INSERT INTO perdure_runs VALUES(1,'order','order',1,'RUNNING','NMg4wdvjkqJHcH76O3qD8',NULL,1796097980039,NULL,NULL,NULL,'iiJU19xCN-I46pTCVhFZbr','-0FLAP6Q29CnA_bsoDRLT',NULL,'["parcel"]',NULL,NULL);
INSERT INTO perdure_runs VALUES(2,'audited','audited',1,'SUCCEEDED',NULL,NULL,1796097980048,1796097980066,NULL,NULL,'T1PNoYwrqgwDVLtfmj7L5e','jhPf4mPWHWhN-_qcK_5nY',NULL,'[]','"ended"',NULL);
INSERT INTO perdure_runs VALUES(3,'order/0','packing',1,'RUNNING','NMg4wdvjkqJHcH76O3qD8',NULL,1796097980051,NULL,'order','0','iiJU19xCN-I46pTCVhFZbr','aqpGMk6OrECrXZGbw_6Gk',NULL,'["parcel"]',NULL,NULL);
INSERT INTO perdure_runs VALUES(4,'audited/0','action:audit',1,'RUNNING','NMg4wdvjkqJHcH76O3qD8',NULL,1796097980066,NULL,'audited','0','ewUpGReiyNSa8mqzhsakJs','zKnuOr70lergMeTpgerRg','{"idempotencyKey":"audited/0"}','["books"]',NULL,NULL);
CREATE TABLE perdure_operations (
     run_id TEXT NOT NULL,
     id TEXT NOT NULL,
     seq INTEGER,
     status TEXT NOT NULL,
     kind TEXT NOT NULL,
     name TEXT NOT NULL,
     started_at INTEGER NOT NULL,
     finished_at INTEGER,
     due_at INTEGER,
     child_run_id TEXT,
     digest TEXT NOT NULL,
     input TEXT,
     outcome TEXT, attempts TEXT,
     PRIMARY KEY (run_id, id)
   ) WITHOUT ROWID;
INSERT INTO perdure_operations VALUES('audited','0',NULL,'STARTED','action','audit',1796097980058,NULL,NULL,'audited/0','ewUpGReiyNSa8mqzhsakJs','["books"]',NULL,NULL);
INSERT INTO perdure_operations VALUES('audited/0','0',NULL,'STARTED','action','audit',1796097980058,NULL,NULL,NULL,'ewUpGReiyNSa8mqzhsakJs','["books"]',NULL,NULL);
INSERT INTO perdure_operations VALUES('order','0',NULL,'STARTED','flow','packing',1796097980050,NULL,NULL,'order/0','iiJU19xCN-I46pTCVhFZbr','["parcel"]',NULL,NULL);
INSERT INTO perdure_operations VALUES('order','1',NULL,'STARTED','action','charge',1796097980050,NULL,NULL,NULL,'iiJU19xCN-I46pTCVhFZbr','["parcel"]',NULL,NULL);
INSERT INTO perdure_operations VALUES('order/0','0',NULL,'STARTED','event','packed',1796097980058,NULL,NULL,NULL,'event',NULL,NULL,NULL);
CREATE TABLE perdure_inbox (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     run_id TEXT NOT NULL,
     kind TEXT NOT NULL,
     payload TEXT NOT NULL
   );
CREATE TABLE perdure_workers (
     id TEXT PRIMARY KEY,
     status TEXT NOT NULL,
     registered_at INTEGER NOT NULL,
     heartbeat_at INTEGER NOT NULL
   ) WITHOUT ROWID;
INSERT INTO perdure_workers VALUES('NMg4wdvjkqJHcH76O3qD8','ALIVE',1796097980034,1796097980034);
DELETE FROM sqlite_sequence;
CREATE INDEX perdure_inbox_run ON perdure_inbox (run_id);
CREATE INDEX perdure_runs_awake ON perdure_runs (worker_id) WHERE status IN ('PENDING', 'RUNNING', 'BLOCKED');
CREATE INDEX perdure_runs_asleep ON perdure_runs (wake_at) WHERE status = 'SUSPENDED';
CREATE INDEX perdure_runs_parent ON perdure_runs (parent_run_id) WHERE parent_run_id IS NOT NULL;
COMMIT;
