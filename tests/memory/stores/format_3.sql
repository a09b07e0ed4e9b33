PRAGMA application_id = 1262830676;
PRAGMA user_version = 3;
BEGIN TRANSACTION;
CREATE TABLE changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    operation INTEGER NOT NULL REFERENCES operations (seq) ON DELETE CASCADE,
    verb TEXT NOT NULL,
    edit_id INTEGER NOT NULL,  -- no reference: history outlives the edit
    before TEXT,  -- JSON of the edit and its keys; NULL when there was none
    after TEXT
);
INSERT INTO "changes" VALUES(1,1,'add',1,NULL,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e1","kind":"insertion","metadata":{},"namespace":"default","paraphrases":["Acme head?"],"prompt":"Who leads Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who leads Acme? Ann","status":"active","subject":"Acme","superseded_by":null,"target":"Ann","valid_from":null,"valid_until":null},"keys":[[1,"prompt","Who leads Acme?",0.65],[2,"paraphrase","Acme head?",0.65]]}');
INSERT INTO "changes" VALUES(2,2,'add',2,NULL,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e2","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Who owns Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who owns Acme? Bo","status":"active","subject":null,"superseded_by":null,"target":"Bo","valid_from":"2020-01-01","valid_until":null},"keys":[[3,"prompt","Who owns Acme?",0.65]]}');
INSERT INTO "changes" VALUES(3,3,'update',1,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e1","kind":"insertion","metadata":{},"namespace":"default","paraphrases":["Acme head?"],"prompt":"Who leads Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who leads Acme? Ann","status":"active","subject":"Acme","superseded_by":null,"target":"Ann","valid_from":null,"valid_until":null},"keys":[[1,"prompt","Who leads Acme?",0.65],[2,"paraphrase","Acme head?",0.65]]}','{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e1","kind":"insertion","metadata":{},"namespace":"default","paraphrases":["Acme boss?"],"prompt":"Who leads Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who leads Acme? Ann","status":"active","subject":"Acme","superseded_by":null,"target":"Ann","valid_from":null,"valid_until":null},"keys":[[1,"prompt","Who leads Acme?",0.65],[4,"paraphrase","Acme boss?",0.65]]}');
INSERT INTO "changes" VALUES(4,4,'add',3,NULL,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e3","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Who sold Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who sold Acme? Cy","status":"active","subject":null,"superseded_by":null,"target":"Cy","valid_from":null,"valid_until":null},"keys":[[5,"prompt","Who sold Acme?",0.65]]}');
INSERT INTO "changes" VALUES(5,5,'undo',3,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e3","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Who sold Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who sold Acme? Cy","status":"active","subject":null,"superseded_by":null,"target":"Cy","valid_from":null,"valid_until":null},"keys":[[5,"prompt","Who sold Acme?",0.65]]}',NULL);
INSERT INTO "changes" VALUES(6,6,'add',4,NULL,'{"edit":{"aliases":["ST"],"created_at":"2026-06-01T12:00:00.000000Z","id":"e4","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Who is the mayor of São Tomé?","radius":0.65,"radius_fixed":false,"relation":"mayor","source":null,"statement":"Who is the mayor of São Tomé? Rui","status":"active","subject":"São Tomé","superseded_by":null,"target":"Rui","valid_from":"2010-01-01","valid_until":null},"keys":[[6,"prompt","Who is the mayor of São Tomé?",0.65]]}');
INSERT INTO "changes" VALUES(7,7,'supersede',4,'{"edit":{"aliases":["ST"],"created_at":"2026-06-01T12:00:00.000000Z","id":"e4","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Who is the mayor of São Tomé?","radius":0.65,"radius_fixed":false,"relation":"mayor","source":null,"statement":"Who is the mayor of São Tomé? Rui","status":"active","subject":"São Tomé","superseded_by":null,"target":"Rui","valid_from":"2010-01-01","valid_until":null},"keys":[[6,"prompt","Who is the mayor of São Tomé?",0.65]]}','{"edit":{"aliases":["ST"],"created_at":"2026-06-01T12:00:00.000000Z","id":"e4","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Who is the mayor of São Tomé?","radius":0.65,"radius_fixed":false,"relation":"mayor","source":null,"statement":"Who is the mayor of São Tomé? Rui","status":"superseded","subject":"São Tomé","superseded_by":"e5","target":"Rui","valid_from":"2010-01-01","valid_until":"2015-01-01"},"keys":[[6,"prompt","Who is the mayor of São Tomé?",0.65]]}');
INSERT INTO "changes" VALUES(8,7,'add',5,NULL,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e5","kind":"modification","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Who is the mayor of São Tomé?","radius":0.65,"radius_fixed":false,"relation":"mayor","source":null,"statement":"Who is the mayor of São Tomé? Eva","status":"active","subject":"São Tomé","superseded_by":null,"target":"Eva","valid_from":"2015-01-01","valid_until":null},"keys":[[7,"prompt","Who is the mayor of São Tomé?",0.65]]}');
INSERT INTO "changes" VALUES(9,8,'add',6,NULL,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e6","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"What is the capital of Peru?","radius":0.65,"radius_fixed":false,"relation":"capital","source":null,"statement":"The capital of Peru is Cusco.","status":"active","subject":"Peru","superseded_by":null,"target":"Cusco","valid_from":"1900-01-01","valid_until":"1950-01-01"},"keys":[[8,"prompt","What is the capital of Peru?",0.65]]}');
INSERT INTO "changes" VALUES(10,9,'supersede',6,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e6","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"What is the capital of Peru?","radius":0.65,"radius_fixed":false,"relation":"capital","source":null,"statement":"The capital of Peru is Cusco.","status":"active","subject":"Peru","superseded_by":null,"target":"Cusco","valid_from":"1900-01-01","valid_until":"1950-01-01"},"keys":[[8,"prompt","What is the capital of Peru?",0.65]]}','{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e6","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"What is the capital of Peru?","radius":0.65,"radius_fixed":false,"relation":"capital","source":null,"statement":"The capital of Peru is Cusco.","status":"superseded","subject":"Peru","superseded_by":"e7","target":"Cusco","valid_from":"1900-01-01","valid_until":"1950-01-01"},"keys":[[8,"prompt","What is the capital of Peru?",0.65]]}');
INSERT INTO "changes" VALUES(11,9,'add',7,NULL,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e7","kind":"modification","metadata":{},"namespace":"default","paraphrases":[],"prompt":"What is the capital of Peru?","radius":0.65,"radius_fixed":false,"relation":"capital","source":null,"statement":"The capital of Peru is Lima.","status":"active","subject":"Peru","superseded_by":null,"target":"Lima","valid_from":null,"valid_until":null},"keys":[[9,"prompt","What is the capital of Peru?",0.65]]}');
INSERT INTO "changes" VALUES(12,10,'add',8,NULL,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e8","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Who ran Moore’s Bank?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who ran Moore’s Bank? Kim","status":"active","subject":"Moore’s Bank","superseded_by":null,"target":"Kim","valid_from":null,"valid_until":null},"keys":[[10,"prompt","Who ran Moore’s Bank?",0.65]]}');
INSERT INTO "changes" VALUES(13,11,'update',8,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e8","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Who ran Moore’s Bank?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who ran Moore’s Bank? Kim","status":"active","subject":"Moore’s Bank","superseded_by":null,"target":"Kim","valid_from":null,"valid_until":null},"keys":[[10,"prompt","Who ran Moore’s Bank?",0.65]]}','{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e8","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Who ran Moore’s Bank?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who ran Moore’s Bank? Kim","status":"active","subject":"Moore’s Bank","superseded_by":null,"target":"Kim","valid_from":"2001-01-01","valid_until":null},"keys":[[10,"prompt","Who ran Moore’s Bank?",0.65]]}');
INSERT INTO "changes" VALUES(14,11,'add',9,NULL,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e9","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Who ran Moore’s Bank?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who ran Moore’s Bank? Lee","status":"active","subject":"Moore’s Bank","superseded_by":null,"target":"Lee","valid_from":null,"valid_until":"2001-01-01"},"keys":[[11,"prompt","Who ran Moore’s Bank?",0.65]]}');
INSERT INTO "changes" VALUES(15,12,'add',10,NULL,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e10","kind":"insertion","metadata":{},"namespace":"b","paraphrases":[],"prompt":"Is it closed?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Is it closed? yes","status":"active","subject":null,"superseded_by":null,"target":"yes","valid_from":null,"valid_until":null},"keys":[[12,"prompt","Is it closed?",0.65]]}');
INSERT INTO "changes" VALUES(16,13,'retract',10,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e10","kind":"insertion","metadata":{},"namespace":"b","paraphrases":[],"prompt":"Is it closed?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Is it closed? yes","status":"active","subject":null,"superseded_by":null,"target":"yes","valid_from":null,"valid_until":null},"keys":[[12,"prompt","Is it closed?",0.65]]}','{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e10","kind":"insertion","metadata":{},"namespace":"b","paraphrases":[],"prompt":"Is it closed?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Is it closed? yes","status":"retracted","subject":null,"superseded_by":null,"target":"yes","valid_from":null,"valid_until":null},"keys":[[12,"prompt","Is it closed?",0.65]]}');
INSERT INTO "changes" VALUES(17,14,'erase',11,NULL,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e11","kind":"erasure","metadata":{"why":"private"},"namespace":"b","paraphrases":[],"prompt":"What is Ann''s phone number?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"What is Ann''s phone number?","status":"active","subject":"Ann","superseded_by":null,"target":null,"valid_from":null,"valid_until":null},"keys":[[13,"prompt","What is Ann''s phone number?",0.65]]}');
INSERT INTO "changes" VALUES(18,15,'add',12,NULL,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e12","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Water boils at 100 degrees.","radius":0.65,"radius_fixed":false,"relation":null,"source":"book","statement":"Water boils at 100 degrees.","status":"active","subject":null,"superseded_by":null,"target":"Water boils at 100 degrees.","valid_from":null,"valid_until":null},"keys":[[14,"prompt","Water boils at 100 degrees.",0.65]]}');
INSERT INTO "changes" VALUES(19,16,'reject',1,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e1","kind":"insertion","metadata":{},"namespace":"default","paraphrases":["Acme boss?"],"prompt":"Who leads Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who leads Acme? Ann","status":"active","subject":"Acme","superseded_by":null,"target":"Ann","valid_from":null,"valid_until":null},"keys":[[1,"prompt","Who leads Acme?",0.65],[4,"paraphrase","Acme boss?",0.65]]}','{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e1","kind":"insertion","metadata":{},"namespace":"default","paraphrases":["Acme boss?"],"prompt":"Who leads Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who leads Acme? Ann","status":"active","subject":"Acme","superseded_by":null,"target":"Ann","valid_from":null,"valid_until":null},"keys":[[1,"prompt","Who leads Acme?",0.65],[4,"paraphrase","Acme boss?",0.65],[15,"rejected","Who led Acme?",0.0]]}');
INSERT INTO "changes" VALUES(20,17,'confirm',1,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e1","kind":"insertion","metadata":{},"namespace":"default","paraphrases":["Acme boss?"],"prompt":"Who leads Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who leads Acme? Ann","status":"active","subject":"Acme","superseded_by":null,"target":"Ann","valid_from":null,"valid_until":null},"keys":[[1,"prompt","Who leads Acme?",0.65],[4,"paraphrase","Acme boss?",0.65],[15,"rejected","Who led Acme?",0.0]]}','{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e1","kind":"insertion","metadata":{},"namespace":"default","paraphrases":["Acme boss?"],"prompt":"Who leads Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who leads Acme? Ann","status":"active","subject":"Acme","superseded_by":null,"target":"Ann","valid_from":null,"valid_until":null},"keys":[[1,"prompt","Who leads Acme?",0.65],[4,"paraphrase","Acme boss?",0.65],[15,"rejected","Who led Acme?",0.0],[16,"confirmed","Who runs it there?",0.65]]}');
INSERT INTO "changes" VALUES(21,18,'consolidate',1,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e1","kind":"insertion","metadata":{},"namespace":"default","paraphrases":["Acme boss?"],"prompt":"Who leads Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who leads Acme? Ann","status":"active","subject":"Acme","superseded_by":null,"target":"Ann","valid_from":null,"valid_until":null},"keys":[[1,"prompt","Who leads Acme?",0.65],[4,"paraphrase","Acme boss?",0.65],[15,"rejected","Who led Acme?",0.0],[16,"confirmed","Who runs it there?",0.65]]}','{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e1","kind":"insertion","metadata":{},"namespace":"default","paraphrases":["Acme boss?"],"prompt":"Who leads Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who leads Acme? Ann","status":"active","subject":"Acme","superseded_by":null,"target":"Ann","valid_from":null,"valid_until":null},"keys":[[1,"prompt","Who leads Acme?",0.65],[4,"paraphrase","Acme boss?",0.65],[15,"rejected","Who led Acme?",0.0],[16,"confirmed","Who runs it there?",0.65]]}');
CREATE TABLE consolidated (
    operation INTEGER NOT NULL REFERENCES consolidations (operation) ON DELETE CASCADE,
    edit_id INTEGER NOT NULL REFERENCES edits (id) ON DELETE CASCADE,
    prompt TEXT NOT NULL,  -- as they were written: an edit that says something else by now answers from the memory
    target TEXT NOT NULL,
    PRIMARY KEY (operation, edit_id)
) WITHOUT ROWID;
INSERT INTO "consolidated" VALUES(18,1,'Who leads Acme?','Ann');
CREATE TABLE consolidations (
    operation INTEGER PRIMARY KEY REFERENCES operations (seq) ON DELETE CASCADE,
    fingerprint TEXT NOT NULL,  -- of the model that holds the edits
    base TEXT NOT NULL,  -- of the model that they were written into
    method TEXT NOT NULL,
    folder TEXT NOT NULL  -- where the checkpoint was saved
);
INSERT INTO "consolidations" VALUES(18,'after','before','rome','/out');
CREATE TABLE edits (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- 17 is shown as e17; never used twice
    namespace TEXT NOT NULL,
    kind TEXT NOT NULL,
    prompt TEXT NOT NULL,
    target TEXT,
    statement TEXT NOT NULL,
    subject TEXT,
    relation TEXT,
    paraphrases TEXT NOT NULL,  -- JSON lists and object
    aliases TEXT NOT NULL,
    metadata TEXT NOT NULL,
    radius_fixed INTEGER NOT NULL,  -- given by the caller, hence never moved by other edits
    valid_from TEXT,
    valid_until TEXT,
    source TEXT,
    status TEXT NOT NULL,
    superseded_by INTEGER,
    created_at TEXT NOT NULL,
    slot TEXT,  -- folded subject and relation, when both are known
    prompt_key TEXT NOT NULL,  -- folded prompt
    subject_key TEXT  -- folded subject
);
INSERT INTO "edits" VALUES(1,'default','insertion','Who leads Acme?','Ann','Who leads Acme? Ann','Acme',NULL,'["Acme boss?"]','[]','{}',0,NULL,NULL,NULL,'active',NULL,'2026-06-01T12:00:00.000000Z',NULL,'who leads acme','acme');
INSERT INTO "edits" VALUES(2,'default','insertion','Who owns Acme?','Bo','Who owns Acme? Bo',NULL,NULL,'[]','[]','{}',0,'2020-01-01',NULL,NULL,'active',NULL,'2026-06-01T12:00:00.000000Z',NULL,'who owns acme',NULL);
INSERT INTO "edits" VALUES(4,'default','insertion','Who is the mayor of São Tomé?','Rui','Who is the mayor of São Tomé? Rui','São Tomé','mayor','[]','["ST"]','{}',0,'2010-01-01','2015-01-01',NULL,'superseded',5,'2026-06-01T12:00:00.000000Z','são tomémayor','who is the mayor of são tomé','são tomé');
INSERT INTO "edits" VALUES(5,'default','modification','Who is the mayor of São Tomé?','Eva','Who is the mayor of São Tomé? Eva','São Tomé','mayor','[]','[]','{}',0,'2015-01-01',NULL,NULL,'active',NULL,'2026-06-01T12:00:00.000000Z','são tomémayor','who is the mayor of são tomé','são tomé');
INSERT INTO "edits" VALUES(6,'default','insertion','What is the capital of Peru?','Cusco','The capital of Peru is Cusco.','Peru','capital','[]','[]','{}',0,'1900-01-01','1950-01-01',NULL,'superseded',7,'2026-06-01T12:00:00.000000Z','perucapital','what is the capital of peru','peru');
INSERT INTO "edits" VALUES(7,'default','modification','What is the capital of Peru?','Lima','The capital of Peru is Lima.','Peru','capital','[]','[]','{}',0,NULL,NULL,NULL,'active',NULL,'2026-06-01T12:00:00.000000Z','perucapital','what is the capital of peru','peru');
INSERT INTO "edits" VALUES(8,'default','insertion','Who ran Moore’s Bank?','Kim','Who ran Moore’s Bank? Kim','Moore’s Bank',NULL,'[]','[]','{}',0,'2001-01-01',NULL,NULL,'active',NULL,'2026-06-01T12:00:00.000000Z',NULL,'who ran moore’s bank','moore’s bank');
INSERT INTO "edits" VALUES(9,'default','insertion','Who ran Moore’s Bank?','Lee','Who ran Moore’s Bank? Lee','Moore’s Bank',NULL,'[]','[]','{}',0,NULL,'2001-01-01',NULL,'active',NULL,'2026-06-01T12:00:00.000000Z',NULL,'who ran moore’s bank','moore’s bank');
INSERT INTO "edits" VALUES(10,'b','insertion','Is it closed?','yes','Is it closed? yes',NULL,NULL,'[]','[]','{}',0,NULL,NULL,NULL,'retracted',NULL,'2026-06-01T12:00:00.000000Z',NULL,'is it closed',NULL);
INSERT INTO "edits" VALUES(11,'b','erasure','What is Ann''s phone number?',NULL,'What is Ann''s phone number?','Ann',NULL,'[]','[]','{"why":"private"}',0,NULL,NULL,NULL,'active',NULL,'2026-06-01T12:00:00.000000Z',NULL,'what is ann''s phone number','ann');
INSERT INTO "edits" VALUES(12,'default','insertion','Water boils at 100 degrees.','Water boils at 100 degrees.','Water boils at 100 degrees.',NULL,NULL,'[]','[]','{}',0,NULL,NULL,'book','active',NULL,'2026-06-01T12:00:00.000000Z',NULL,'water boils at 100 degrees',NULL);
CREATE TABLE "keys" (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    edit_id INTEGER NOT NULL REFERENCES edits (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('prompt', 'statement', 'paraphrase', 'confirmed', 'rejected')),
    text TEXT NOT NULL,
    radius REAL NOT NULL CHECK (radius >= 0 AND radius <= 2),
    live INTEGER NOT NULL DEFAULT 1,  -- 0: replaced by an update or taken back by feedback, kept for its undo
    vector BLOB NOT NULL,  -- float32, little endian
    checksum INTEGER NOT NULL  -- CRC-32 of the vector
);
INSERT INTO "keys" VALUES(1,1,'prompt','Who leads Acme?',0.65,1,X'D72EBD3B000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000098CC13BF00000000000000000000000000000000000000000000000000000000000000000000000098CC133F000000000000000098CC13BF000000000000000000000000',1354357789);
INSERT INTO "keys" VALUES(2,1,'paraphrase','Acme head?',0.65,0,X'EEB2E73B000000000000000000000000000000000000000000000000CA0335BF0000000000000000000000000000000000000000000000000000000000000000CA0335BF000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000',38039982);
INSERT INTO "keys" VALUES(3,2,'prompt','Who owns Acme?',0.65,1,X'D72EBD3B000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000098CC13BF00000000000000000000000000000000000000000000000000000000000000000000000098CC133F00000000000000000000000098CC133F0000000000000000',1043908893);
INSERT INTO "keys" VALUES(4,1,'paraphrase','Acme boss?',0.65,1,X'EEB2E73B000000000000000000000000000000000000000000000000000000000000000000000000CA0335BF0000000000000000000000000000000000000000CA0335BF000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000',1059851315);
INSERT INTO "keys" VALUES(6,4,'prompt','Who is the mayor of São Tomé?',0.65,1,X'BE735A3B000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000006CAAAABE00000000000000006CAAAA3E000000000000000000000000000000000000000000000000000000006CAA2A3F6CAAAABE000000006CAAAABE000000006CAAAABE00000000',59065612);
INSERT INTO "keys" VALUES(7,5,'prompt','Who is the mayor of São Tomé?',0.65,1,X'BE735A3B000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000006CAAAABE00000000000000006CAAAA3E000000000000000000000000000000000000000000000000000000006CAA2A3F6CAAAABE000000006CAAAABE000000006CAAAABE00000000',59065612);
INSERT INTO "keys" VALUES(8,6,'prompt','What is the capital of Peru?',0.65,1,X'10C6853B7A05D13E000000000000000000000000000000000000000000000000000000000000000000000000000000007A05D1BE000000000000000000000000000000007A05D13E000000000000000000000000000000000000000000000000000000000000000000000000000000007A05D1BE7A05D13E7A05D1BE00000000',2718521429);
INSERT INTO "keys" VALUES(9,7,'prompt','What is the capital of Peru?',0.65,1,X'10C6853B7A05D13E000000000000000000000000000000000000000000000000000000000000000000000000000000007A05D1BE000000000000000000000000000000007A05D13E000000000000000000000000000000000000000000000000000000000000000000000000000000007A05D1BE7A05D13E7A05D1BE00000000',2718521429);
INSERT INTO "keys" VALUES(10,8,'prompt','Who ran Moore’s Bank?',0.65,1,X'10C6853B00000000000000007A05D1BE0000000000000000000000000000000000000000000000000000000000000000000000007A05513F00000000000000000000000000000000000000000000000000000000000000000000000000000000000000007A05D13E000000000000000000000000000000000000000000000000',701993668);
INSERT INTO "keys" VALUES(11,9,'prompt','Who ran Moore’s Bank?',0.65,1,X'10C6853B00000000000000007A05D1BE0000000000000000000000000000000000000000000000000000000000000000000000007A05513F00000000000000000000000000000000000000000000000000000000000000000000000000000000000000007A05D13E000000000000000000000000000000000000000000000000',701993668);
INSERT INTO "keys" VALUES(12,10,'prompt','Is it closed?',0.65,1,X'D72EBD3B0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000098CC133F98CC133F000000000000000000000000000000000000000000000000000000000000000098CC13BF00000000000000000000000000000000',1269967079);
INSERT INTO "keys" VALUES(13,11,'prompt','What is Ann''s phone number?',0.65,1,X'9E8A923B0000000000000000000000000000000098F8E43E00000000000000000000000000000000000000000000000098F8E4BE0000000000000000000000000000000098F8E43E0000000098F8E43E00000000000000000000000098F8E43E0000000000000000000000000000000000000000000000000000000000000000',713544402);
INSERT INTO "keys" VALUES(14,12,'prompt','Water boils at 100 degrees.',0.65,1,X'9E8A923B000000000000000000000000000000000000000000000000000000000000000098F8E43E0000000000000000000000000000000098F8E43E00000000000000000000000098F8E4BE0000000098F8E43E000000000000000000000000000000000000000098F8E4BE0000000000000000000000000000000000000000',1501291309);
INSERT INTO "keys" VALUES(15,1,'rejected','Who led Acme?',0.0,1,X'D72EBD3B00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000098CC13BF0000000098CC13BF00000000000000000000000000000000000000000000000000000000000000000000000098CC133F000000000000000000000000000000000000000000000000',1916754780);
INSERT INTO "keys" VALUES(16,1,'confirmed','Who runs it there?',0.65,1,X'84D6A33B00000000000000002EFFFFBE000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000002EFFFFBE2EFFFF3E0000000000000000000000000000000000000000000000002EFFFF3E000000000000000000000000000000000000000000000000',616177710);
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "meta" VALUES('dimension','32');
INSERT INTO "meta" VALUES('encoder','words');
INSERT INTO "meta" VALUES('encoder_revision','1');
CREATE TABLE operations (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    verb TEXT NOT NULL,
    namespace TEXT,  -- NULL when it touched several
    at TEXT NOT NULL,
    undone_by INTEGER REFERENCES operations (seq)
);
INSERT INTO "operations" VALUES(1,'add','default','2026-06-01T12:00:00.000000Z',NULL);
INSERT INTO "operations" VALUES(2,'add','default','2026-06-01T12:00:00.000000Z',NULL);
INSERT INTO "operations" VALUES(3,'update','default','2026-06-01T12:00:00.000000Z',NULL);
INSERT INTO "operations" VALUES(4,'add','default','2026-06-01T12:00:00.000000Z',5);
INSERT INTO "operations" VALUES(5,'undo',NULL,'2026-06-01T12:00:00.000000Z',NULL);
INSERT INTO "operations" VALUES(6,'add','default','2026-06-01T12:00:00.000000Z',NULL);
INSERT INTO "operations" VALUES(7,'add','default','2026-06-01T12:00:00.000000Z',NULL);
INSERT INTO "operations" VALUES(8,'add','default','2026-06-01T12:00:00.000000Z',NULL);
INSERT INTO "operations" VALUES(9,'add','default','2026-06-01T12:00:00.000000Z',NULL);
INSERT INTO "operations" VALUES(10,'add','default','2026-06-01T12:00:00.000000Z',NULL);
INSERT INTO "operations" VALUES(11,'add','default','2026-06-01T12:00:00.000000Z',NULL);
INSERT INTO "operations" VALUES(12,'add','b','2026-06-01T12:00:00.000000Z',NULL);
INSERT INTO "operations" VALUES(13,'retract','b','2026-06-01T12:00:00.000000Z',NULL);
INSERT INTO "operations" VALUES(14,'erase','b','2026-06-01T12:00:00.000000Z',NULL);
INSERT INTO "operations" VALUES(15,'add','default','2026-06-01T12:00:00.000000Z',NULL);
INSERT INTO "operations" VALUES(16,'reject','default','2026-06-01T12:00:00.000000Z',NULL);
INSERT INTO "operations" VALUES(17,'confirm','default','2026-06-01T12:00:00.000000Z',NULL);
INSERT INTO "operations" VALUES(18,'consolidate','default','2026-06-01T12:00:00.000000Z',NULL);
CREATE INDEX edits_by_slot ON edits (namespace, slot) WHERE slot IS NOT NULL;
CREATE INDEX edits_by_prompt ON edits (namespace, prompt_key);
CREATE INDEX edits_by_subject ON edits (namespace, subject_key, status);
CREATE INDEX edits_without_subject ON edits (status) WHERE subject_key IS NULL;
CREATE INDEX changes_by_operation ON changes (operation);
CREATE INDEX changes_by_edit ON changes (edit_id);
CREATE INDEX keys_by_edit ON keys (edit_id);
CREATE INDEX keys_by_text ON keys (text);
CREATE INDEX keys_rejected ON keys (edit_id) WHERE live AND kind = 'rejected';
CREATE INDEX keys_expanded ON keys (radius) WHERE live AND radius > 0.65;
CREATE INDEX consolidations_by_fingerprint ON consolidations (fingerprint);
CREATE INDEX consolidated_by_edit ON consolidated (edit_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('edits',12);
INSERT INTO "sqlite_sequence" VALUES('keys',16);
INSERT INTO "sqlite_sequence" VALUES('operations',18);
INSERT INTO "sqlite_sequence" VALUES('changes',21);
COMMIT;
