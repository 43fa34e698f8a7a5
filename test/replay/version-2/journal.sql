BEGIN TRANSACTION;
CREATE TABLE perdure_inbox (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     run_id TEXT NOT NULL,
     kind TEXT NOT NULL,
     payload TEXT NOT NULL
   );
INSERT INTO "perdure_inbox" VALUES(1,'approval','event','{"name":"decision","value":"\"granted\""}');
INSERT INTO "perdure_inbox" VALUES(2,'order','event','{"name":"unasked","value":"{\"n\":1}"}');
CREATE TABLE perdure_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "perdure_meta" VALUES('schema_version','2');
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
INSERT INTO "perdure_operations" VALUES('again','0',1,'SUCCEEDED','action','v2 pay',1796098512686,1796098512686,NULL,NULL,'xhL2WvWHR2S-WTyD_CuxGG','["open"]','"pay open"',NULL);
INSERT INTO "perdure_operations" VALUES('again','1',NULL,'STARTED','action','v2 ship',1796098512708,NULL,NULL,NULL,'nxbbpLrWqJlFomynnTeAkN','["of a generation"]',NULL,NULL);
INSERT INTO "perdure_operations" VALUES('approval','0',1,'SUCCEEDED','action','v2 pay',1796098511451,1796098511452,NULL,NULL,'xhL2WvWHR2S-WTyD_CuxGG','["open"]','"pay open"',NULL);
INSERT INTO "perdure_operations" VALUES('approval','1',NULL,'STARTED','event','decision',1796098511465,NULL,NULL,NULL,'event',NULL,NULL,NULL);
INSERT INTO "perdure_operations" VALUES('batch','0',NULL,'STARTED','map','map',1796098512054,NULL,NULL,NULL,'xVT2MQkMWIihjTk7wUV5qW','{"unfinished":"cancel","limits":{"toleratedFailurePercentage":100}}
["open","held"]',NULL,NULL);
INSERT INTO "perdure_operations" VALUES('batch','0.0',2,'SUCCEEDED','branch','map-item-0',1796098512057,1796098512072,NULL,NULL,'',NULL,'"ship open"',NULL);
INSERT INTO "perdure_operations" VALUES('batch','0.0.0',1,'SUCCEEDED','action','v2 ship',1796098512058,1796098512059,NULL,NULL,'xhL2WvWHR2S-WTyD_CuxGG','["open"]','"ship open"',NULL);
INSERT INTO "perdure_operations" VALUES('batch','0.1.0',NULL,'STARTED','action','v2 ship',1796098512058,NULL,NULL,NULL,'57KPazQsuf5P4XH28CJ1wd','["held"]',NULL,NULL);
INSERT INTO "perdure_operations" VALUES('let-go','0',NULL,'STARTED','action','v2 ship',1796098511761,NULL,NULL,'let-go/0','0T66APONps8nisnwOF3q_q','["by itself"]',NULL,NULL);
INSERT INTO "perdure_operations" VALUES('let-go','1',1,'SUCCEEDED','action','v2 pay',1796098511761,1796098511761,NULL,NULL,'xhL2WvWHR2S-WTyD_CuxGG','["open"]','"pay open"',NULL);
INSERT INTO "perdure_operations" VALUES('let-go/0','0',NULL,'STARTED','action','v2 ship',1796098511761,NULL,NULL,NULL,'0T66APONps8nisnwOF3q_q','["by itself"]',NULL,NULL);
INSERT INTO "perdure_operations" VALUES('nap','0',1,'SUCCEEDED','action','v2 pay',1796098511167,1796098511167,NULL,NULL,'xhL2WvWHR2S-WTyD_CuxGG','["open"]','"pay open"',NULL);
INSERT INTO "perdure_operations" VALUES('nap','1',NULL,'STARTED','timer','sleep',1796098511182,NULL,3524098511182,NULL,'QGZ_MkLKHdzwqJXBqpoWAR',NULL,NULL,NULL);
INSERT INTO "perdure_operations" VALUES('order','0',1,'SUCCEEDED','action','v2 pay',1796098511150,1796098511161,NULL,NULL,'xhL2WvWHR2S-WTyD_CuxGG','["open"]','"pay open"',NULL);
INSERT INTO "perdure_operations" VALUES('order','1',NULL,'STARTED','action','v2 ship',1796098511167,NULL,NULL,NULL,'UWIxorhI1WSC_uyxmMWZS_','["lamp"]',NULL,NULL);
INSERT INTO "perdure_operations" VALUES('parent','0',NULL,'STARTED','flow','v2 order',1796098512357,NULL,NULL,'parent/0','1VBBMZzA1TvhUcxJH9KvZ-','["of a child"]',NULL,NULL);
INSERT INTO "perdure_operations" VALUES('parent/0','0',1,'SUCCEEDED','action','v2 pay',1796098512374,1796098512374,NULL,NULL,'xhL2WvWHR2S-WTyD_CuxGG','["open"]','"pay open"',NULL);
INSERT INTO "perdure_operations" VALUES('parent/0','1',NULL,'STARTED','action','v2 ship',1796098512381,NULL,NULL,NULL,'1VBBMZzA1TvhUcxJH9KvZ-','["of a child"]',NULL,NULL);
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
INSERT INTO "perdure_runs" VALUES(1,'order','v2 order',1,'RUNNING','2bZftz4PUw8dpoZmEOusg',NULL,1796098511095,NULL,NULL,NULL,'UWIxorhI1WSC_uyxmMWZS_','qFx1XQ0G8fHx_bldaK5R8',NULL,'["lamp"]',NULL,NULL);
INSERT INTO "perdure_runs" VALUES(2,'nap','v2 nap',1,'SUSPENDED',NULL,NULL,1796098511139,NULL,NULL,NULL,'T1PNoYwrqgwDVLtfmj7L5e','bfnPqpEyMMP4XgpQgz0oK',NULL,'[]',NULL,3524098511182);
INSERT INTO "perdure_runs" VALUES(3,'approval','v2 approval',1,'PENDING',NULL,NULL,1796098511439,NULL,NULL,NULL,'T1PNoYwrqgwDVLtfmj7L5e','tLBzoQYWtHr9bqNzgr94L',NULL,'[]',NULL,NULL);
INSERT INTO "perdure_runs" VALUES(4,'let-go','v2 let go',1,'SUCCEEDED',NULL,NULL,1796098511741,1796098511770,NULL,NULL,'T1PNoYwrqgwDVLtfmj7L5e','G55bMOofilCo2CjQ8tWlK',NULL,'[]','"pay open"',NULL);
INSERT INTO "perdure_runs" VALUES(5,'let-go/0','action:v2 ship',1,'RUNNING','2bZftz4PUw8dpoZmEOusg',NULL,1796098511770,NULL,'let-go','0','0T66APONps8nisnwOF3q_q','xrH-aU9YIs0k66upOiW2s','{"idempotencyKey":"let-go/0"}','["by itself"]',NULL,NULL);
INSERT INTO "perdure_runs" VALUES(6,'batch','v2 batch',1,'RUNNING','2bZftz4PUw8dpoZmEOusg',NULL,1796098512042,NULL,NULL,NULL,'T1PNoYwrqgwDVLtfmj7L5e','CSgkwTWDLwA4oS71E8pGf',NULL,'[]',NULL,NULL);
INSERT INTO "perdure_runs" VALUES(7,'parent','v2 parent',1,'RUNNING','2bZftz4PUw8dpoZmEOusg',NULL,1796098512345,NULL,NULL,NULL,'T1PNoYwrqgwDVLtfmj7L5e','-RnLXL6g9QA-9qbWrYZFx',NULL,'[]',NULL,NULL);
INSERT INTO "perdure_runs" VALUES(8,'parent/0','v2 order',1,'RUNNING','2bZftz4PUw8dpoZmEOusg',NULL,1796098512358,NULL,'parent','0','1VBBMZzA1TvhUcxJH9KvZ-','iClN_AvaoLYkR1QdcyrEd',NULL,'["of a child"]',NULL,NULL);
INSERT INTO "perdure_runs" VALUES(9,'again','v2 again',1,'RUNNING','2bZftz4PUw8dpoZmEOusg',NULL,1796098512646,NULL,NULL,NULL,'CAqe1ChVnvYCZotMAPEU8a','34rHJJzuRpew9HU_l0f46','{"generation":{"number":2,"beganAt":1796098512666,"firstInput":"[1]"}}','[2]',NULL,NULL);
CREATE TABLE perdure_workers (
     id TEXT PRIMARY KEY,
     status TEXT NOT NULL,
     registered_at INTEGER NOT NULL,
     heartbeat_at INTEGER NOT NULL
   ) WITHOUT ROWID;
INSERT INTO "perdure_workers" VALUES('2bZftz4PUw8dpoZmEOusg','ALIVE',1796098511081,1796098511081);
CREATE INDEX perdure_inbox_run ON perdure_inbox (run_id);
CREATE INDEX perdure_runs_awake ON perdure_runs (worker_id) WHERE status IN ('PENDING', 'RUNNING', 'BLOCKED');
CREATE INDEX perdure_runs_asleep ON perdure_runs (wake_at) WHERE status = 'SUSPENDED';
CREATE INDEX perdure_runs_parent ON perdure_runs (parent_run_id) WHERE parent_run_id IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('perdure_inbox',2);
COMMIT;
