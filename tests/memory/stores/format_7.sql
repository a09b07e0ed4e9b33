PRAGMA application_id = 1262830676;
PRAGMA user_version = 7;
BEGIN TRANSACTION;
CREATE TABLE changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    operation INTEGER NOT NULL REFERENCES operations (seq) ON DELETE CASCADE,
    verb TEXT NOT NULL,
    edit_id INTEGER NOT NULL,  -- no reference: history outlives the edit
    before TEXT,  -- JSON of the edit and its keys; NULL when there was none
    after TEXT
, checksum INTEGER NOT NULL DEFAULT 0);
INSERT INTO "changes" VALUES(1,1,'add',1,NULL,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e1","kind":"insertion","metadata":{},"namespace":"default","paraphrases":["Acme head?"],"prompt":"Who leads Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who leads Acme? Ann","status":"active","subject":"Acme","superseded_by":null,"target":"Ann","valid_from":null,"valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[1,"prompt","Who leads Acme?",0.65],[2,"paraphrase","Acme head?",0.65]]}',1483094587);
INSERT INTO "changes" VALUES(2,2,'add',2,NULL,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e2","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Who owns Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who owns Acme? Bo","status":"active","subject":null,"superseded_by":null,"target":"Bo","valid_from":"2020-01-01","valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[3,"prompt","Who owns Acme?",0.65]]}',1093967147);
INSERT INTO "changes" VALUES(3,3,'update',1,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e1","kind":"insertion","metadata":{},"namespace":"default","paraphrases":["Acme head?"],"prompt":"Who leads Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who leads Acme? Ann","status":"active","subject":"Acme","superseded_by":null,"target":"Ann","valid_from":null,"valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[1,"prompt","Who leads Acme?",0.65],[2,"paraphrase","Acme head?",0.65]]}','{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e1","kind":"insertion","metadata":{},"namespace":"default","paraphrases":["Acme boss?"],"prompt":"Who leads Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who leads Acme? Ann","status":"active","subject":"Acme","superseded_by":null,"target":"Ann","valid_from":null,"valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[1,"prompt","Who leads Acme?",0.65],[4,"paraphrase","Acme boss?",0.65]]}',3204929653);
INSERT INTO "changes" VALUES(4,4,'add',3,NULL,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e3","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Who sold Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who sold Acme? Cy","status":"active","subject":null,"superseded_by":null,"target":"Cy","valid_from":null,"valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[5,"prompt","Who sold Acme?",0.65]]}',2031438547);
INSERT INTO "changes" VALUES(5,5,'undo',3,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e3","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Who sold Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who sold Acme? Cy","status":"active","subject":null,"superseded_by":null,"target":"Cy","valid_from":null,"valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[5,"prompt","Who sold Acme?",0.65]]}',NULL,2024750314);
INSERT INTO "changes" VALUES(6,6,'add',4,NULL,'{"edit":{"aliases":["ST"],"created_at":"2026-06-01T12:00:00.000000Z","id":"e4","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Who is the mayor of São Tomé?","radius":0.65,"radius_fixed":false,"relation":"mayor","source":null,"statement":"Who is the mayor of São Tomé? Rui","status":"active","subject":"São Tomé","superseded_by":null,"target":"Rui","valid_from":"2010-01-01","valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[6,"prompt","Who is the mayor of São Tomé?",0.65]]}',1911784288);
INSERT INTO "changes" VALUES(7,7,'supersede',4,'{"edit":{"aliases":["ST"],"created_at":"2026-06-01T12:00:00.000000Z","id":"e4","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Who is the mayor of São Tomé?","radius":0.65,"radius_fixed":false,"relation":"mayor","source":null,"statement":"Who is the mayor of São Tomé? Rui","status":"active","subject":"São Tomé","superseded_by":null,"target":"Rui","valid_from":"2010-01-01","valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[6,"prompt","Who is the mayor of São Tomé?",0.65]]}','{"edit":{"aliases":["ST"],"created_at":"2026-06-01T12:00:00.000000Z","id":"e4","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Who is the mayor of São Tomé?","radius":0.65,"radius_fixed":false,"relation":"mayor","source":null,"statement":"Who is the mayor of São Tomé? Rui","status":"superseded","subject":"São Tomé","superseded_by":"e5","target":"Rui","valid_from":"2010-01-01","valid_until":"2015-01-01","given_id":null,"part_of":null,"holds":true},"keys":[[6,"prompt","Who is the mayor of São Tomé?",0.65]]}',2997123790);
INSERT INTO "changes" VALUES(8,7,'add',5,NULL,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e5","kind":"modification","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Who is the mayor of São Tomé?","radius":0.65,"radius_fixed":false,"relation":"mayor","source":null,"statement":"Who is the mayor of São Tomé? Eva","status":"active","subject":"São Tomé","superseded_by":null,"target":"Eva","valid_from":"2015-01-01","valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[7,"prompt","Who is the mayor of São Tomé?",0.65]]}',2314354490);
INSERT INTO "changes" VALUES(9,8,'add',6,NULL,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e6","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"What is the capital of Peru?","radius":0.65,"radius_fixed":false,"relation":"capital","source":null,"statement":"The capital of Peru is Cusco.","status":"active","subject":"Peru","superseded_by":null,"target":"Cusco","valid_from":"1900-01-01","valid_until":"1950-01-01","given_id":null,"part_of":null,"holds":true},"keys":[[8,"prompt","What is the capital of Peru?",0.65]]}',3412683668);
INSERT INTO "changes" VALUES(10,9,'supersede',6,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e6","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"What is the capital of Peru?","radius":0.65,"radius_fixed":false,"relation":"capital","source":null,"statement":"The capital of Peru is Cusco.","status":"active","subject":"Peru","superseded_by":null,"target":"Cusco","valid_from":"1900-01-01","valid_until":"1950-01-01","given_id":null,"part_of":null,"holds":true},"keys":[[8,"prompt","What is the capital of Peru?",0.65]]}','{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e6","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"What is the capital of Peru?","radius":0.65,"radius_fixed":false,"relation":"capital","source":null,"statement":"The capital of Peru is Cusco.","status":"superseded","subject":"Peru","superseded_by":"e7","target":"Cusco","valid_from":"1900-01-01","valid_until":"1950-01-01","given_id":null,"part_of":null,"holds":false},"keys":[[8,"prompt","What is the capital of Peru?",0.65]]}',2429201271);
INSERT INTO "changes" VALUES(11,9,'add',7,NULL,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e7","kind":"modification","metadata":{},"namespace":"default","paraphrases":[],"prompt":"What is the capital of Peru?","radius":0.65,"radius_fixed":false,"relation":"capital","source":null,"statement":"The capital of Peru is Lima.","status":"active","subject":"Peru","superseded_by":null,"target":"Lima","valid_from":null,"valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[9,"prompt","What is the capital of Peru?",0.65]]}',1682371885);
INSERT INTO "changes" VALUES(12,10,'add',8,NULL,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e8","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Who ran Moore’s Bank?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who ran Moore’s Bank? Kim","status":"active","subject":"Moore’s Bank","superseded_by":null,"target":"Kim","valid_from":null,"valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[10,"prompt","Who ran Moore’s Bank?",0.65]]}',1717245324);
INSERT INTO "changes" VALUES(13,11,'update',8,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e8","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Who ran Moore’s Bank?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who ran Moore’s Bank? Kim","status":"active","subject":"Moore’s Bank","superseded_by":null,"target":"Kim","valid_from":null,"valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[10,"prompt","Who ran Moore’s Bank?",0.65]]}','{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e8","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Who ran Moore’s Bank?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who ran Moore’s Bank? Kim","status":"active","subject":"Moore’s Bank","superseded_by":null,"target":"Kim","valid_from":"2001-01-01","valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[10,"prompt","Who ran Moore’s Bank?",0.65]]}',661101323);
INSERT INTO "changes" VALUES(14,11,'add',9,NULL,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e9","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Who ran Moore’s Bank?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who ran Moore’s Bank? Lee","status":"active","subject":"Moore’s Bank","superseded_by":null,"target":"Lee","valid_from":null,"valid_until":"2001-01-01","given_id":null,"part_of":null,"holds":true},"keys":[[11,"prompt","Who ran Moore’s Bank?",0.65]]}',1858234678);
INSERT INTO "changes" VALUES(15,12,'add',10,NULL,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e10","kind":"insertion","metadata":{},"namespace":"b","paraphrases":[],"prompt":"Is it closed?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Is it closed? yes","status":"active","subject":null,"superseded_by":null,"target":"yes","valid_from":null,"valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[12,"prompt","Is it closed?",0.65]]}',3706919419);
INSERT INTO "changes" VALUES(16,13,'retract',10,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e10","kind":"insertion","metadata":{},"namespace":"b","paraphrases":[],"prompt":"Is it closed?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Is it closed? yes","status":"active","subject":null,"superseded_by":null,"target":"yes","valid_from":null,"valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[12,"prompt","Is it closed?",0.65]]}','{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e10","kind":"insertion","metadata":{},"namespace":"b","paraphrases":[],"prompt":"Is it closed?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Is it closed? yes","status":"retracted","subject":null,"superseded_by":null,"target":"yes","valid_from":null,"valid_until":null,"given_id":null,"part_of":null,"holds":false},"keys":[[12,"prompt","Is it closed?",0.65]]}',2100444343);
INSERT INTO "changes" VALUES(17,14,'erase',11,NULL,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e11","kind":"erasure","metadata":{"why":"private"},"namespace":"b","paraphrases":[],"prompt":"What is Ann''s phone number?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"What is Ann''s phone number?","status":"active","subject":"Ann","superseded_by":null,"target":null,"valid_from":null,"valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[13,"prompt","What is Ann''s phone number?",0.65]]}',701425265);
INSERT INTO "changes" VALUES(18,15,'add',12,NULL,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e12","kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],"prompt":"Water boils at 100 degrees.","radius":0.65,"radius_fixed":false,"relation":null,"source":"book","statement":"Water boils at 100 degrees.","status":"active","subject":null,"superseded_by":null,"target":"Water boils at 100 degrees.","valid_from":null,"valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[14,"prompt","Water boils at 100 degrees.",0.65]]}',2444401268);
INSERT INTO "changes" VALUES(19,16,'reject',1,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e1","kind":"insertion","metadata":{},"namespace":"default","paraphrases":["Acme boss?"],"prompt":"Who leads Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who leads Acme? Ann","status":"active","subject":"Acme","superseded_by":null,"target":"Ann","valid_from":null,"valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[1,"prompt","Who leads Acme?",0.65],[4,"paraphrase","Acme boss?",0.65]]}','{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e1","kind":"insertion","metadata":{},"namespace":"default","paraphrases":["Acme boss?"],"prompt":"Who leads Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who leads Acme? Ann","status":"active","subject":"Acme","superseded_by":null,"target":"Ann","valid_from":null,"valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[1,"prompt","Who leads Acme?",0.65],[4,"paraphrase","Acme boss?",0.65],[15,"rejected","Who led Acme?",0.0]]}',1031077898);
INSERT INTO "changes" VALUES(20,17,'confirm',1,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e1","kind":"insertion","metadata":{},"namespace":"default","paraphrases":["Acme boss?"],"prompt":"Who leads Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who leads Acme? Ann","status":"active","subject":"Acme","superseded_by":null,"target":"Ann","valid_from":null,"valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[1,"prompt","Who leads Acme?",0.65],[4,"paraphrase","Acme boss?",0.65],[15,"rejected","Who led Acme?",0.0]]}','{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e1","kind":"insertion","metadata":{},"namespace":"default","paraphrases":["Acme boss?"],"prompt":"Who leads Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who leads Acme? Ann","status":"active","subject":"Acme","superseded_by":null,"target":"Ann","valid_from":null,"valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[1,"prompt","Who leads Acme?",0.65],[4,"paraphrase","Acme boss?",0.65],[15,"rejected","Who led Acme?",0.0],[16,"confirmed","Who runs it there?",0.65]]}',3771015625);
INSERT INTO "changes" VALUES(21,18,'consolidate',1,'{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e1","kind":"insertion","metadata":{},"namespace":"default","paraphrases":["Acme boss?"],"prompt":"Who leads Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who leads Acme? Ann","status":"active","subject":"Acme","superseded_by":null,"target":"Ann","valid_from":null,"valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[1,"prompt","Who leads Acme?",0.65],[4,"paraphrase","Acme boss?",0.65],[15,"rejected","Who led Acme?",0.0],[16,"confirmed","Who runs it there?",0.65]]}','{"edit":{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e1","kind":"insertion","metadata":{},"namespace":"default","paraphrases":["Acme boss?"],"prompt":"Who leads Acme?","radius":0.65,"radius_fixed":false,"relation":null,"source":null,"statement":"Who leads Acme? Ann","status":"active","subject":"Acme","superseded_by":null,"target":"Ann","valid_from":null,"valid_until":null,"given_id":null,"part_of":null,"holds":true},"keys":[[1,"prompt","Who leads Acme?",0.65],[4,"paraphrase","Acme boss?",0.65],[15,"rejected","Who led Acme?",0.0],[16,"confirmed","Who runs it there?",0.65]]}',2758988796);
CREATE TABLE consolidated (
    operation INTEGER NOT NULL REFERENCES consolidations (operation) ON DELETE CASCADE,
    edit_id INTEGER NOT NULL REFERENCES edits (id) ON DELETE CASCADE,
    prompt TEXT NOT NULL,  -- as they were written: an edit that says something else by now answers from the memory
    target TEXT NOT NULL, checksum INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (operation, edit_id)
) WITHOUT ROWID;
INSERT INTO "consolidated" VALUES(18,1,'Who leads Acme?','Ann',1220642663);
CREATE TABLE consolidations (
    operation INTEGER PRIMARY KEY REFERENCES operations (seq) ON DELETE CASCADE,
    fingerprint TEXT NOT NULL,  -- of the model that holds the edits
    base TEXT NOT NULL,  -- of the model that they were written into
    method TEXT NOT NULL,
    folder TEXT NOT NULL  -- where the checkpoint was saved
, checksum INTEGER NOT NULL DEFAULT 0);
INSERT INTO "consolidations" VALUES(18,'after','before','rome','/out',3549318475);
CREATE TABLE counts (
    namespace TEXT NOT NULL,
    status TEXT NOT NULL,
    edits INTEGER NOT NULL,
    PRIMARY KEY (namespace, status)
) WITHOUT ROWID;
INSERT INTO "counts" VALUES('b','active',1);
INSERT INTO "counts" VALUES('b','retracted',1);
INSERT INTO "counts" VALUES('default','active',7);
INSERT INTO "counts" VALUES('default','superseded',2);
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
, given_id TEXT, holds INTEGER NOT NULL DEFAULT 0, part_of INTEGER, checksum INTEGER NOT NULL DEFAULT 0, unnamed INTEGER NOT NULL DEFAULT 1);
INSERT INTO "edits" VALUES(1,'default','insertion','Who leads Acme?','Ann','Who leads Acme? Ann','Acme',NULL,'["Acme boss?"]','[]','{}',0,NULL,NULL,NULL,'active',NULL,'2026-06-01T12:00:00.000000Z',NULL,'who leads acme','acme',NULL,1,NULL,2592230431,0);
INSERT INTO "edits" VALUES(2,'default','insertion','Who owns Acme?','Bo','Who owns Acme? Bo',NULL,NULL,'[]','[]','{}',0,'2020-01-01',NULL,NULL,'active',NULL,'2026-06-01T12:00:00.000000Z',NULL,'who owns acme',NULL,NULL,1,NULL,924936761,1);
INSERT INTO "edits" VALUES(4,'default','insertion','Who is the mayor of São Tomé?','Rui','Who is the mayor of São Tomé? Rui','São Tomé','mayor','[]','["ST"]','{}',0,'2010-01-01','2015-01-01',NULL,'superseded',5,'2026-06-01T12:00:00.000000Z','sao tomemayor','who is the mayor of sao tome','sao tome',NULL,1,NULL,3571833274,0);
INSERT INTO "edits" VALUES(5,'default','modification','Who is the mayor of São Tomé?','Eva','Who is the mayor of São Tomé? Eva','São Tomé','mayor','[]','[]','{}',0,'2015-01-01',NULL,NULL,'active',NULL,'2026-06-01T12:00:00.000000Z','sao tomemayor','who is the mayor of sao tome','sao tome',NULL,1,NULL,2587243292,0);
INSERT INTO "edits" VALUES(6,'default','insertion','What is the capital of Peru?','Cusco','The capital of Peru is Cusco.','Peru','capital','[]','[]','{}',0,'1900-01-01','1950-01-01',NULL,'superseded',7,'2026-06-01T12:00:00.000000Z','perucapital','what is the capital of peru','peru',NULL,0,NULL,1221334545,0);
INSERT INTO "edits" VALUES(7,'default','modification','What is the capital of Peru?','Lima','The capital of Peru is Lima.','Peru','capital','[]','[]','{}',0,NULL,NULL,NULL,'active',NULL,'2026-06-01T12:00:00.000000Z','perucapital','what is the capital of peru','peru',NULL,1,NULL,813257686,0);
INSERT INTO "edits" VALUES(8,'default','insertion','Who ran Moore’s Bank?','Kim','Who ran Moore’s Bank? Kim','Moore’s Bank',NULL,'[]','[]','{}',0,'2001-01-01',NULL,NULL,'active',NULL,'2026-06-01T12:00:00.000000Z',NULL,'who ran moore''s bank','moore''s bank',NULL,1,NULL,2016075148,0);
INSERT INTO "edits" VALUES(9,'default','insertion','Who ran Moore’s Bank?','Lee','Who ran Moore’s Bank? Lee','Moore’s Bank',NULL,'[]','[]','{}',0,NULL,'2001-01-01',NULL,'active',NULL,'2026-06-01T12:00:00.000000Z',NULL,'who ran moore''s bank','moore''s bank',NULL,1,NULL,452761835,0);
INSERT INTO "edits" VALUES(10,'b','insertion','Is it closed?','yes','Is it closed? yes',NULL,NULL,'[]','[]','{}',0,NULL,NULL,NULL,'retracted',NULL,'2026-06-01T12:00:00.000000Z',NULL,'is it closed',NULL,NULL,0,NULL,3859959042,1);
INSERT INTO "edits" VALUES(11,'b','erasure','What is Ann''s phone number?',NULL,'What is Ann''s phone number?','Ann',NULL,'[]','[]','{"why":"private"}',0,NULL,NULL,NULL,'active',NULL,'2026-06-01T12:00:00.000000Z',NULL,'what is ann''s phone number','ann',NULL,1,NULL,4073721614,0);
INSERT INTO "edits" VALUES(12,'default','insertion','Water boils at 100 degrees.','Water boils at 100 degrees.','Water boils at 100 degrees.',NULL,NULL,'[]','[]','{}',0,NULL,NULL,'book','active',NULL,'2026-06-01T12:00:00.000000Z',NULL,'water boils at 100 degrees',NULL,NULL,1,NULL,3170466022,1);
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
INSERT INTO "keys" VALUES(1,1,'prompt','Who leads Acme?',0.65,1,X'D72EBD3B000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000098CC13BF00000000000000000000000000000000000000000000000000000000000000000000000098CC133F000000000000000098CC13BF000000000000000000000000',2482751700);
INSERT INTO "keys" VALUES(2,1,'paraphrase','Acme head?',0.65,0,X'EEB2E73B000000000000000000000000000000000000000000000000CA0335BF0000000000000000000000000000000000000000000000000000000000000000CA0335BF000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000',3593779724);
INSERT INTO "keys" VALUES(3,2,'prompt','Who owns Acme?',0.65,1,X'D72EBD3B000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000098CC13BF00000000000000000000000000000000000000000000000000000000000000000000000098CC133F00000000000000000000000098CC133F0000000000000000',1058191286);
INSERT INTO "keys" VALUES(4,1,'paraphrase','Acme boss?',0.65,1,X'EEB2E73B000000000000000000000000000000000000000000000000000000000000000000000000CA0335BF0000000000000000000000000000000000000000CA0335BF000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000',3054311830);
INSERT INTO "keys" VALUES(6,4,'prompt','Who is the mayor of São Tomé?',0.65,1,X'BE735A3B000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000006CAAAABE00000000000000006CAAAA3E000000000000000000000000000000000000000000000000000000006CAA2A3F6CAAAABE000000006CAAAABE000000006CAAAABE00000000',498920079);
INSERT INTO "keys" VALUES(7,5,'prompt','Who is the mayor of São Tomé?',0.65,1,X'BE735A3B000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000006CAAAABE00000000000000006CAAAA3E000000000000000000000000000000000000000000000000000000006CAA2A3F6CAAAABE000000006CAAAABE000000006CAAAABE00000000',498920079);
INSERT INTO "keys" VALUES(8,6,'prompt','What is the capital of Peru?',0.65,1,X'10C6853B7A05D13E000000000000000000000000000000000000000000000000000000000000000000000000000000007A05D1BE000000000000000000000000000000007A05D13E000000000000000000000000000000000000000000000000000000000000000000000000000000007A05D1BE7A05D13E7A05D1BE00000000',2298947016);
INSERT INTO "keys" VALUES(9,7,'prompt','What is the capital of Peru?',0.65,1,X'10C6853B7A05D13E000000000000000000000000000000000000000000000000000000000000000000000000000000007A05D1BE000000000000000000000000000000007A05D13E000000000000000000000000000000000000000000000000000000000000000000000000000000007A05D1BE7A05D13E7A05D1BE00000000',2298947016);
INSERT INTO "keys" VALUES(10,8,'prompt','Who ran Moore’s Bank?',0.65,1,X'10C6853B00000000000000007A05D1BE0000000000000000000000000000000000000000000000000000000000000000000000007A05513F00000000000000000000000000000000000000000000000000000000000000000000000000000000000000007A05D13E000000000000000000000000000000000000000000000000',1644064492);
INSERT INTO "keys" VALUES(11,9,'prompt','Who ran Moore’s Bank?',0.65,1,X'10C6853B00000000000000007A05D1BE0000000000000000000000000000000000000000000000000000000000000000000000007A05513F00000000000000000000000000000000000000000000000000000000000000000000000000000000000000007A05D13E000000000000000000000000000000000000000000000000',1644064492);
INSERT INTO "keys" VALUES(12,10,'prompt','Is it closed?',0.65,1,X'D72EBD3B0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000098CC133F98CC133F000000000000000000000000000000000000000000000000000000000000000098CC13BF00000000000000000000000000000000',1080522001);
INSERT INTO "keys" VALUES(13,11,'prompt','What is Ann''s phone number?',0.65,1,X'9E8A923B0000000000000000000000000000000098F8E43E00000000000000000000000000000000000000000000000098F8E4BE0000000000000000000000000000000098F8E43E0000000098F8E43E00000000000000000000000098F8E43E0000000000000000000000000000000000000000000000000000000000000000',3729290609);
INSERT INTO "keys" VALUES(14,12,'prompt','Water boils at 100 degrees.',0.65,1,X'9E8A923B000000000000000000000000000000000000000000000000000000000000000098F8E43E0000000000000000000000000000000098F8E43E00000000000000000000000098F8E4BE0000000098F8E43E000000000000000000000000000000000000000098F8E4BE0000000000000000000000000000000000000000',4213439971);
INSERT INTO "keys" VALUES(15,1,'rejected','Who led Acme?',0.0,1,X'D72EBD3B00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000098CC13BF0000000098CC13BF00000000000000000000000000000000000000000000000000000000000000000000000098CC133F000000000000000000000000000000000000000000000000',4172899622);
INSERT INTO "keys" VALUES(16,1,'confirmed','Who runs it there?',0.65,1,X'84D6A33B00000000000000002EFFFFBE000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000002EFFFFBE2EFFFF3E0000000000000000000000000000000000000000000000002EFFFF3E000000000000000000000000000000000000000000000000',3441376517);
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
INSERT INTO "meta" VALUES('dimension','32',2245502990);
INSERT INTO "meta" VALUES('encoder','words',1150474829);
INSERT INTO "meta" VALUES('encoder_revision','1',1507779843);
INSERT INTO "meta" VALUES('store_id','71115ff32fd6e03343c733557c888cc8',624416365);
INSERT INTO "meta" VALUES('words','1, 2, snowball 3.1.0',2083028955);
CREATE TABLE name_pairs (
    namespace TEXT NOT NULL,
    pair TEXT NOT NULL,  -- how two words of a name begin
    name_id INTEGER NOT NULL REFERENCES names (id),
    PRIMARY KEY (namespace, pair, name_id)
) WITHOUT ROWID;
INSERT INTO "name_pairs" VALUES('default','sao tome',3);
INSERT INTO "name_pairs" VALUES('default','bank moor',5);
CREATE TABLE name_spellings (
    namespace TEXT NOT NULL,
    spelling TEXT NOT NULL,  -- what is left of a word when letters are left out
    word TEXT NOT NULL,
    PRIMARY KEY (namespace, spelling, word)
) WITHOUT ROWID;
INSERT INTO "name_spellings" VALUES('b','ann','ann');
INSERT INTO "name_spellings" VALUES('default','ace','acme');
INSERT INTO "name_spellings" VALUES('default','acm','acme');
INSERT INTO "name_spellings" VALUES('default','acme','acme');
INSERT INTO "name_spellings" VALUES('default','ame','acme');
INSERT INTO "name_spellings" VALUES('default','ank','bank');
INSERT INTO "name_spellings" VALUES('default','bak','bank');
INSERT INTO "name_spellings" VALUES('default','ban','bank');
INSERT INTO "name_spellings" VALUES('default','bank','bank');
INSERT INTO "name_spellings" VALUES('default','bnk','bank');
INSERT INTO "name_spellings" VALUES('default','cme','acme');
INSERT INTO "name_spellings" VALUES('default','eru','peru');
INSERT INTO "name_spellings" VALUES('default','mooe','moore');
INSERT INTO "name_spellings" VALUES('default','mooes','moore s');
INSERT INTO "name_spellings" VALUES('default','moor','moore');
INSERT INTO "name_spellings" VALUES('default','moore','moore');
INSERT INTO "name_spellings" VALUES('default','moore','moore s');
INSERT INTO "name_spellings" VALUES('default','moores','moore s');
INSERT INTO "name_spellings" VALUES('default','moors','moore s');
INSERT INTO "name_spellings" VALUES('default','more','moore');
INSERT INTO "name_spellings" VALUES('default','mores','moore s');
INSERT INTO "name_spellings" VALUES('default','ome','tome');
INSERT INTO "name_spellings" VALUES('default','oore','moore');
INSERT INTO "name_spellings" VALUES('default','oores','moore s');
INSERT INTO "name_spellings" VALUES('default','per','peru');
INSERT INTO "name_spellings" VALUES('default','peru','peru');
INSERT INTO "name_spellings" VALUES('default','peu','peru');
INSERT INTO "name_spellings" VALUES('default','pru','peru');
INSERT INTO "name_spellings" VALUES('default','s','s');
INSERT INTO "name_spellings" VALUES('default','sao','sao');
INSERT INTO "name_spellings" VALUES('default','saotome','sao tome');
INSERT INTO "name_spellings" VALUES('default','st','st');
INSERT INTO "name_spellings" VALUES('default','tme','tome');
INSERT INTO "name_spellings" VALUES('default','toe','tome');
INSERT INTO "name_spellings" VALUES('default','tom','tome');
INSERT INTO "name_spellings" VALUES('default','tome','tome');
CREATE TABLE name_words (
    namespace TEXT NOT NULL,
    word TEXT NOT NULL,  -- or two, which a text may have as one
    name_id INTEGER NOT NULL REFERENCES names (id),
    PRIMARY KEY (namespace, word, name_id)
) WITHOUT ROWID;
INSERT INTO "name_words" VALUES('default','acme',1);
INSERT INTO "name_words" VALUES('default','st',2);
INSERT INTO "name_words" VALUES('default','sao',3);
INSERT INTO "name_words" VALUES('default','sao tome',3);
INSERT INTO "name_words" VALUES('default','tome',3);
INSERT INTO "name_words" VALUES('default','peru',4);
INSERT INTO "name_words" VALUES('default','bank',5);
INSERT INTO "name_words" VALUES('default','moore',5);
INSERT INTO "name_words" VALUES('default','moore s',5);
INSERT INTO "name_words" VALUES('default','s',5);
INSERT INTO "name_words" VALUES('b','ann',6);
CREATE TABLE named (
    edit_id INTEGER NOT NULL REFERENCES edits (id) ON DELETE CASCADE,
    name_id INTEGER NOT NULL REFERENCES names (id),
    PRIMARY KEY (edit_id, name_id)
) WITHOUT ROWID;
INSERT INTO "named" VALUES(1,1);
INSERT INTO "named" VALUES(4,2);
INSERT INTO "named" VALUES(4,3);
INSERT INTO "named" VALUES(5,3);
INSERT INTO "named" VALUES(7,4);
INSERT INTO "named" VALUES(8,5);
INSERT INTO "named" VALUES(9,5);
INSERT INTO "named" VALUES(11,6);
CREATE TABLE names (
    id INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL,
    subject TEXT NOT NULL,
    surface TEXT NOT NULL,  -- the subject or an alias, as it is written
    name TEXT NOT NULL,  -- the folded tokens of the surface
    words TEXT NOT NULL,  -- those of them that are words
    UNIQUE (namespace, subject, surface)
);
INSERT INTO "names" VALUES(1,'default','Acme','Acme','acme','acme');
INSERT INTO "names" VALUES(2,'default','São Tomé','ST','st','st');
INSERT INTO "names" VALUES(3,'default','São Tomé','São Tomé','sao tome','sao tome');
INSERT INTO "names" VALUES(4,'default','Peru','Peru','peru','peru');
INSERT INTO "names" VALUES(5,'default','Moore’s Bank','Moore’s Bank','moore '' s bank','moore s bank');
INSERT INTO "names" VALUES(6,'b','Ann','Ann','ann','ann');
CREATE TABLE operations (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    verb TEXT NOT NULL,
    namespace TEXT,  -- NULL when it touched several
    at TEXT NOT NULL,
    undone_by INTEGER REFERENCES operations (seq)
, token TEXT NOT NULL DEFAULT '', fired INTEGER, checksum INTEGER NOT NULL DEFAULT 0);
INSERT INTO "operations" VALUES(1,'add','default','2026-06-01T12:00:00.000000Z',NULL,'',NULL,1525218066);
INSERT INTO "operations" VALUES(2,'add','default','2026-06-01T12:00:00.000000Z',NULL,'',NULL,1930923454);
INSERT INTO "operations" VALUES(3,'update','default','2026-06-01T12:00:00.000000Z',NULL,'',NULL,3312141982);
INSERT INTO "operations" VALUES(4,'add','default','2026-06-01T12:00:00.000000Z',5,'',NULL,2498086093);
INSERT INTO "operations" VALUES(5,'undo',NULL,'2026-06-01T12:00:00.000000Z',NULL,'',NULL,3108200858);
INSERT INTO "operations" VALUES(6,'add','default','2026-06-01T12:00:00.000000Z',NULL,'',NULL,297583662);
INSERT INTO "operations" VALUES(7,'add','default','2026-06-01T12:00:00.000000Z',NULL,'',NULL,152442442);
INSERT INTO "operations" VALUES(8,'add','default','2026-06-01T12:00:00.000000Z',NULL,'',NULL,2266282582);
INSERT INTO "operations" VALUES(9,'add','default','2026-06-01T12:00:00.000000Z',NULL,'',NULL,2680055858);
INSERT INTO "operations" VALUES(10,'add','default','2026-06-01T12:00:00.000000Z',NULL,'',NULL,528247418);
INSERT INTO "operations" VALUES(11,'add','default','2026-06-01T12:00:00.000000Z',NULL,'',NULL,131512350);
INSERT INTO "operations" VALUES(12,'add','b','2026-06-01T12:00:00.000000Z',NULL,'',NULL,2555956364);
INSERT INTO "operations" VALUES(13,'retract','b','2026-06-01T12:00:00.000000Z',NULL,'',NULL,408046358);
INSERT INTO "operations" VALUES(14,'erase','b','2026-06-01T12:00:00.000000Z',NULL,'',NULL,3146044275);
INSERT INTO "operations" VALUES(15,'add','default','2026-06-01T12:00:00.000000Z',NULL,'',NULL,1702752654);
INSERT INTO "operations" VALUES(16,'reject','default','2026-06-01T12:00:00.000000Z',NULL,'',NULL,758225299);
INSERT INTO "operations" VALUES(17,'confirm','default','2026-06-01T12:00:00.000000Z',NULL,'',NULL,1211905794);
INSERT INTO "operations" VALUES(18,'consolidate','default','2026-06-01T12:00:00.000000Z',NULL,'',NULL,2248985803);
CREATE TABLE word_edits (
    word_id INTEGER NOT NULL,
    edit_id INTEGER NOT NULL,
    weight REAL NOT NULL,
    PRIMARY KEY (word_id, edit_id)
) WITHOUT ROWID;
INSERT INTO "word_edits" VALUES(1,12,1.158);
INSERT INTO "word_edits" VALUES(2,2,1.257);
INSERT INTO "word_edits" VALUES(3,2,0.362);
INSERT INTO "word_edits" VALUES(4,12,1.158);
INSERT INTO "word_edits" VALUES(5,12,1.158);
INSERT INTO "word_edits" VALUES(6,2,1.257);
INSERT INTO "word_edits" VALUES(7,12,1.158);
CREATE TABLE words (
    id INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL,
    word TEXT NOT NULL,  -- folded and stemmed, or a few characters of a script without blanks
    edits INTEGER NOT NULL,  -- how many have it
    UNIQUE (namespace, word)
);
INSERT INTO "words" VALUES(1,'default','100',1);
INSERT INTO "words" VALUES(2,'default','acm',1);
INSERT INTO "words" VALUES(3,'default','bo',1);
INSERT INTO "words" VALUES(4,'default','boil',1);
INSERT INTO "words" VALUES(5,'default','degre',1);
INSERT INTO "words" VALUES(6,'default','own',1);
INSERT INTO "words" VALUES(7,'default','water',1);
CREATE INDEX changes_by_operation ON changes (operation);
CREATE INDEX changes_by_edit ON changes (edit_id);
CREATE INDEX keys_by_edit ON keys (edit_id);
CREATE INDEX keys_by_text ON keys (text);
CREATE INDEX keys_rejected ON keys (edit_id) WHERE live AND kind = 'rejected';
CREATE INDEX keys_expanded ON keys (radius) WHERE live AND radius > 0.65;
CREATE INDEX consolidations_by_fingerprint ON consolidations (fingerprint);
CREATE INDEX consolidated_by_edit ON consolidated (edit_id);
CREATE INDEX edits_by_slot ON edits (namespace, slot, holds) WHERE slot IS NOT NULL;
CREATE INDEX edits_by_prompt ON edits (namespace, prompt_key, holds);
CREATE INDEX edits_by_subject ON edits (namespace, subject_key, holds);
CREATE INDEX edits_without_subject ON edits (namespace) WHERE subject_key IS NULL AND holds;
CREATE INDEX edits_erasing ON edits (namespace, subject_key) WHERE kind = 'erasure' AND holds;
CREATE INDEX edits_by_whole ON edits (part_of) WHERE part_of IS NOT NULL;
CREATE UNIQUE INDEX edits_by_given_id ON edits (namespace, given_id) WHERE given_id IS NOT NULL AND status = 'active';
CREATE INDEX edits_by_name ON edits (given_id) WHERE given_id IS NOT NULL;
CREATE TRIGGER edits_inserted AFTER INSERT ON edits BEGIN INSERT INTO counts VALUES (NEW.namespace, NEW.status, 1) ON CONFLICT (namespace, status) DO UPDATE SET edits = edits + 1; END;
CREATE TRIGGER edits_deleted AFTER DELETE ON edits BEGIN INSERT INTO counts VALUES (OLD.namespace, OLD.status, -1) ON CONFLICT (namespace, status) DO UPDATE SET edits = edits + -1; END;
CREATE TRIGGER edits_left AFTER UPDATE OF namespace, status ON edits BEGIN INSERT INTO counts VALUES (OLD.namespace, OLD.status, -1) ON CONFLICT (namespace, status) DO UPDATE SET edits = edits + -1; END;
CREATE TRIGGER edits_entered AFTER UPDATE OF namespace, status ON edits BEGIN INSERT INTO counts VALUES (NEW.namespace, NEW.status, 1) ON CONFLICT (namespace, status) DO UPDATE SET edits = edits + 1; END;
CREATE INDEX names_by_name ON names (namespace, name);
CREATE INDEX names_by_words ON names (namespace, words);
CREATE INDEX name_words_by_name ON name_words (name_id);
CREATE INDEX name_pairs_by_name ON name_pairs (name_id);
CREATE TRIGGER names_added AFTER INSERT ON names BEGIN INSERT OR IGNORE INTO name_spellings SELECT NEW.namespace, one.value, word.key FROM json_each(words_of_name(NEW.surface)) word CROSS JOIN json_each(word.value) one; INSERT INTO name_words SELECT NEW.namespace, key, NEW.id FROM json_each(words_of_name(NEW.surface)); INSERT INTO name_pairs SELECT NEW.namespace, value, NEW.id FROM json_each(pairs_of_name(NEW.surface)); END;
CREATE TRIGGER names_removed BEFORE DELETE ON names BEGIN DELETE FROM name_words WHERE name_id = OLD.id; DELETE FROM name_pairs WHERE name_id = OLD.id; END;
CREATE TRIGGER name_words_removed AFTER DELETE ON name_words WHEN NOT EXISTS (SELECT 1 FROM name_words WHERE namespace = OLD.namespace AND word = OLD.word) BEGIN DELETE FROM name_spellings WHERE namespace = OLD.namespace AND word = OLD.word AND spelling IN (SELECT value FROM json_each(spellings_of(OLD.word))); END;
CREATE INDEX named_by_name ON named (name_id);
CREATE TRIGGER edits_named AFTER INSERT ON edits BEGIN INSERT OR IGNORE INTO names (namespace, subject, surface, name, words) SELECT NEW.namespace, NEW.subject, value, name_key(value), words_key(value) FROM json_each(json_insert(NEW.aliases, '$[#]', NEW.subject)) WHERE NEW.holds AND NEW.subject IS NOT NULL AND name_key(value) <> ''; INSERT OR IGNORE INTO named SELECT NEW.id, names.id FROM json_each(json_insert(NEW.aliases, '$[#]', NEW.subject)) CROSS JOIN names ON names.namespace = NEW.namespace AND names.subject = NEW.subject AND names.surface = value WHERE NEW.holds; END;
CREATE TRIGGER edits_renamed AFTER UPDATE ON edits WHEN OLD.namespace IS NOT NEW.namespace OR OLD.subject IS NOT NEW.subject OR OLD.aliases IS NOT NEW.aliases OR OLD.holds IS NOT NEW.holds BEGIN INSERT OR IGNORE INTO names (namespace, subject, surface, name, words) SELECT NEW.namespace, NEW.subject, value, name_key(value), words_key(value) FROM json_each(json_insert(NEW.aliases, '$[#]', NEW.subject)) WHERE NEW.holds AND NEW.subject IS NOT NULL AND name_key(value) <> ''; INSERT OR IGNORE INTO named SELECT NEW.id, names.id FROM json_each(json_insert(NEW.aliases, '$[#]', NEW.subject)) CROSS JOIN names ON names.namespace = NEW.namespace AND names.subject = NEW.subject AND names.surface = value WHERE NEW.holds; DELETE FROM named WHERE edit_id = NEW.id AND name_id NOT IN (SELECT names.id FROM names WHERE namespace = NEW.namespace AND subject = NEW.subject AND NEW.holds AND surface IN (SELECT value FROM json_each(json_insert(NEW.aliases, '$[#]', NEW.subject)))); END;
CREATE TRIGGER named_removed AFTER DELETE ON named WHEN NOT EXISTS (SELECT 1 FROM named WHERE name_id = OLD.name_id) BEGIN DELETE FROM names WHERE id = OLD.name_id; END;
CREATE INDEX edits_unnamed ON edits (namespace) WHERE unnamed AND holds;
CREATE INDEX word_edits_by_edit ON word_edits (edit_id);
CREATE TRIGGER edits_worded AFTER INSERT ON edits WHEN NEW.unnamed AND NEW.holds BEGIN INSERT INTO words (namespace, word, edits) SELECT e.namespace, one.key, 1 FROM edits e CROSS JOIN json_each(weighted_words(e.prompt, e.statement, e.target, e.paraphrases, (SELECT json_group_array(text) FROM keys WHERE edit_id = e.id AND live AND kind = 'confirmed'))) one WHERE e.id = NEW.id AND e.unnamed AND e.holds ON CONFLICT (namespace, word) DO UPDATE SET edits = edits + 1; INSERT INTO word_edits SELECT words.id, e.id, one.value FROM edits e CROSS JOIN json_each(weighted_words(e.prompt, e.statement, e.target, e.paraphrases, (SELECT json_group_array(text) FROM keys WHERE edit_id = e.id AND live AND kind = 'confirmed'))) one CROSS JOIN words ON words.namespace = e.namespace AND words.word = one.key WHERE e.id = NEW.id AND e.unnamed AND e.holds; END;
CREATE TRIGGER edits_reworded AFTER UPDATE ON edits WHEN (OLD.unnamed OR NEW.unnamed) AND (OLD.namespace IS NOT NEW.namespace OR OLD.prompt IS NOT NEW.prompt OR OLD.statement IS NOT NEW.statement OR OLD.target IS NOT NEW.target OR OLD.paraphrases IS NOT NEW.paraphrases OR OLD.unnamed IS NOT NEW.unnamed OR OLD.holds IS NOT NEW.holds) BEGIN UPDATE words SET edits = edits - 1 WHERE id IN (SELECT word_id FROM word_edits WHERE edit_id = NEW.id); DELETE FROM words WHERE edits = 0 AND id IN (SELECT word_id FROM word_edits WHERE edit_id = NEW.id); DELETE FROM word_edits WHERE edit_id = NEW.id; INSERT INTO words (namespace, word, edits) SELECT e.namespace, one.key, 1 FROM edits e CROSS JOIN json_each(weighted_words(e.prompt, e.statement, e.target, e.paraphrases, (SELECT json_group_array(text) FROM keys WHERE edit_id = e.id AND live AND kind = 'confirmed'))) one WHERE e.id = NEW.id AND e.unnamed AND e.holds ON CONFLICT (namespace, word) DO UPDATE SET edits = edits + 1; INSERT INTO word_edits SELECT words.id, e.id, one.value FROM edits e CROSS JOIN json_each(weighted_words(e.prompt, e.statement, e.target, e.paraphrases, (SELECT json_group_array(text) FROM keys WHERE edit_id = e.id AND live AND kind = 'confirmed'))) one CROSS JOIN words ON words.namespace = e.namespace AND words.word = one.key WHERE e.id = NEW.id AND e.unnamed AND e.holds; END;
CREATE TRIGGER edits_unworded AFTER DELETE ON edits BEGIN UPDATE words SET edits = edits - 1 WHERE id IN (SELECT word_id FROM word_edits WHERE edit_id = OLD.id); DELETE FROM words WHERE edits = 0 AND id IN (SELECT word_id FROM word_edits WHERE edit_id = OLD.id); DELETE FROM word_edits WHERE edit_id = OLD.id; END;
CREATE TRIGGER keys_worded AFTER INSERT ON keys WHEN NEW.kind = 'confirmed' BEGIN UPDATE words SET edits = edits - 1 WHERE id IN (SELECT word_id FROM word_edits WHERE edit_id = NEW.edit_id); DELETE FROM words WHERE edits = 0 AND id IN (SELECT word_id FROM word_edits WHERE edit_id = NEW.edit_id); DELETE FROM word_edits WHERE edit_id = NEW.edit_id; INSERT INTO words (namespace, word, edits) SELECT e.namespace, one.key, 1 FROM edits e CROSS JOIN json_each(weighted_words(e.prompt, e.statement, e.target, e.paraphrases, (SELECT json_group_array(text) FROM keys WHERE edit_id = e.id AND live AND kind = 'confirmed'))) one WHERE e.id = NEW.edit_id AND e.unnamed AND e.holds ON CONFLICT (namespace, word) DO UPDATE SET edits = edits + 1; INSERT INTO word_edits SELECT words.id, e.id, one.value FROM edits e CROSS JOIN json_each(weighted_words(e.prompt, e.statement, e.target, e.paraphrases, (SELECT json_group_array(text) FROM keys WHERE edit_id = e.id AND live AND kind = 'confirmed'))) one CROSS JOIN words ON words.namespace = e.namespace AND words.word = one.key WHERE e.id = NEW.edit_id AND e.unnamed AND e.holds; END;
CREATE TRIGGER keys_unworded AFTER DELETE ON keys WHEN OLD.kind = 'confirmed' BEGIN UPDATE words SET edits = edits - 1 WHERE id IN (SELECT word_id FROM word_edits WHERE edit_id = OLD.edit_id); DELETE FROM words WHERE edits = 0 AND id IN (SELECT word_id FROM word_edits WHERE edit_id = OLD.edit_id); DELETE FROM word_edits WHERE edit_id = OLD.edit_id; INSERT INTO words (namespace, word, edits) SELECT e.namespace, one.key, 1 FROM edits e CROSS JOIN json_each(weighted_words(e.prompt, e.statement, e.target, e.paraphrases, (SELECT json_group_array(text) FROM keys WHERE edit_id = e.id AND live AND kind = 'confirmed'))) one WHERE e.id = OLD.edit_id AND e.unnamed AND e.holds ON CONFLICT (namespace, word) DO UPDATE SET edits = edits + 1; INSERT INTO word_edits SELECT words.id, e.id, one.value FROM edits e CROSS JOIN json_each(weighted_words(e.prompt, e.statement, e.target, e.paraphrases, (SELECT json_group_array(text) FROM keys WHERE edit_id = e.id AND live AND kind = 'confirmed'))) one CROSS JOIN words ON words.namespace = e.namespace AND words.word = one.key WHERE e.id = OLD.edit_id AND e.unnamed AND e.holds; END;
CREATE TRIGGER keys_reworded AFTER UPDATE OF live ON keys WHEN NEW.kind = 'confirmed' BEGIN UPDATE words SET edits = edits - 1 WHERE id IN (SELECT word_id FROM word_edits WHERE edit_id = NEW.edit_id); DELETE FROM words WHERE edits = 0 AND id IN (SELECT word_id FROM word_edits WHERE edit_id = NEW.edit_id); DELETE FROM word_edits WHERE edit_id = NEW.edit_id; INSERT INTO words (namespace, word, edits) SELECT e.namespace, one.key, 1 FROM edits e CROSS JOIN json_each(weighted_words(e.prompt, e.statement, e.target, e.paraphrases, (SELECT json_group_array(text) FROM keys WHERE edit_id = e.id AND live AND kind = 'confirmed'))) one WHERE e.id = NEW.edit_id AND e.unnamed AND e.holds ON CONFLICT (namespace, word) DO UPDATE SET edits = edits + 1; INSERT INTO word_edits SELECT words.id, e.id, one.value FROM edits e CROSS JOIN json_each(weighted_words(e.prompt, e.statement, e.target, e.paraphrases, (SELECT json_group_array(text) FROM keys WHERE edit_id = e.id AND live AND kind = 'confirmed'))) one CROSS JOIN words ON words.namespace = e.namespace AND words.word = one.key WHERE e.id = NEW.edit_id AND e.unnamed AND e.holds; END;
CREATE TRIGGER meta_written AFTER INSERT ON meta BEGIN UPDATE meta SET checksum = checksum_of(name, value) WHERE name = NEW.name; END;
CREATE TRIGGER meta_changed AFTER UPDATE OF name, value ON meta WHEN OLD.checksum = checksum_of(OLD.name, OLD.value) BEGIN UPDATE meta SET checksum = checksum_of(name, value) WHERE name = NEW.name; END;
CREATE TRIGGER operations_written AFTER INSERT ON operations BEGIN UPDATE operations SET checksum = checksum_of(seq, verb, namespace, at, undone_by, token, fired) WHERE seq = NEW.seq; END;
CREATE TRIGGER operations_changed AFTER UPDATE OF seq, verb, namespace, at, undone_by, token, fired ON operations WHEN OLD.checksum = checksum_of(OLD.seq, OLD.verb, OLD.namespace, OLD.at, OLD.undone_by, OLD.token, OLD.fired) BEGIN UPDATE operations SET checksum = checksum_of(seq, verb, namespace, at, undone_by, token, fired) WHERE seq = NEW.seq; END;
CREATE TRIGGER consolidations_written AFTER INSERT ON consolidations BEGIN UPDATE consolidations SET checksum = checksum_of(operation, fingerprint, base, method, folder) WHERE operation = NEW.operation; END;
CREATE TRIGGER consolidations_changed AFTER UPDATE OF operation, fingerprint, base, method, folder ON consolidations WHEN OLD.checksum = checksum_of(OLD.operation, OLD.fingerprint, OLD.base, OLD.method, OLD.folder) BEGIN UPDATE consolidations SET checksum = checksum_of(operation, fingerprint, base, method, folder) WHERE operation = NEW.operation; END;
CREATE TRIGGER consolidated_written AFTER INSERT ON consolidated BEGIN UPDATE consolidated SET checksum = checksum_of(operation, edit_id, prompt, target) WHERE operation = NEW.operation AND edit_id = NEW.edit_id; END;
CREATE TRIGGER consolidated_changed AFTER UPDATE OF operation, edit_id, prompt, target ON consolidated WHEN OLD.checksum = checksum_of(OLD.operation, OLD.edit_id, OLD.prompt, OLD.target) BEGIN UPDATE consolidated SET checksum = checksum_of(operation, edit_id, prompt, target) WHERE operation = NEW.operation AND edit_id = NEW.edit_id; END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('edits',12);
INSERT INTO "sqlite_sequence" VALUES('keys',16);
INSERT INTO "sqlite_sequence" VALUES('operations',18);
INSERT INTO "sqlite_sequence" VALUES('changes',21);
COMMIT;
