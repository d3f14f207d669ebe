-- A store of closedloopd 0.1.0 (schema version 1), as its own program left it: tests/unit/test_store_upgrade.c upgrades it.
PRAGMA page_size = 8192;
PRAGMA journal_mode = WAL;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE kafka_offset ( topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL, generation INTEGER NOT NULL, anchor_offset INTEGER NOT NULL, anchor_at INTEGER, anchor_hash INTEGER NOT NULL, PRIMARY KEY (topic, partition)) WITHOUT ROWID, STRICT;
INSERT INTO kafka_offset VALUES('survey-responses',0,10,0,9,1795377475255000,6239434816684544015);
INSERT INTO kafka_offset VALUES('survey-responses',1,6,0,5,1795377475255000,0);
CREATE TABLE name ( number INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
INSERT INTO name VALUES(1,'survey');
INSERT INTO name VALUES(2,'survey-responses');
CREATE TABLE response ( number INTEGER PRIMARY KEY, case_number INTEGER NOT NULL, source INTEGER NOT NULL, response_id TEXT NOT NULL, topic INTEGER NOT NULL, partition INTEGER NOT NULL, record_offset INTEGER NOT NULL, record_at INTEGER, submitted_at INTEGER, recorded_at INTEGER, submitted_note INTEGER NOT NULL, fields TEXT, trail TEXT, traceparent TEXT) STRICT;
INSERT INTO response VALUES(1,1,1,'sfo2017-0dd10282e7239441',2,0,0,1795377475000000,1795377461981000,1795377475175417,0,'{"id":"sfo2017-0dd10282e7239441","submitted":"2026-11-22T19:57:41.981Z","customer":"c-0","name":"Hana Nováková","territory":"UKI","department":"Boarding area G","comment":"Nobody called back","nps":0,"segment":"consumer"}','{"rule":"detractor","rules":[{"rule":"detractor","result":"yes","clause":"nps <= 6 (nps is 0)","decided":true},{"rule":"dissatisfied","result":"unknown","clause":"csat <= 2: csat is not in the message","decided":false}],"routes":[{"route":1,"result":"yes","clause":"exists territory (it is there)","names":"territory","decided":true,"why":"territory UKI belongs to ana","owner":"ana"}],"policy":"one-day","version":1,"submitted":"given"}',NULL);
INSERT INTO response VALUES(2,2,1,'sfo2017-4e68f374686ef033',2,0,1,1795377475000000,1795377462981000,1795377475175417,0,'{"id":"sfo2017-4e68f374686ef033","submitted":"2026-11-22T19:57:42.981Z","customer":"c-1","name":"דוד לוי","territory":"EMEA-North","department":"Boarding area G","comment":"Nobody called back","nps":1,"segment":"consumer"}','{"rule":"detractor","rules":[{"rule":"detractor","result":"yes","clause":"nps <= 6 (nps is 1)","decided":true},{"rule":"dissatisfied","result":"unknown","clause":"csat <= 2: csat is not in the message","decided":false}],"routes":[{"route":1,"result":"yes","clause":"exists territory (it is there)","names":"territory","decided":true,"why":"territory EMEA-* belongs to ben","owner":"ben"}],"policy":"one-day","version":1,"submitted":"given"}',NULL);
INSERT INTO response VALUES(3,3,1,'sfo2017-e679ecbe1262463a',2,0,2,1795377475000000,1795377463981000,1795377475175417,0,'{"id":"sfo2017-e679ecbe1262463a","submitted":"2026-11-22T19:57:43.981Z","customer":"c-2","name":"דוד לוי","territory":"UKI","department":"Boarding area B","comment":"Nobody called back","nps":2,"segment":"consumer"}','{"rule":"detractor","rules":[{"rule":"detractor","result":"yes","clause":"nps <= 6 (nps is 2)","decided":true},{"rule":"dissatisfied","result":"unknown","clause":"csat <= 2: csat is not in the message","decided":false}],"routes":[{"route":1,"result":"yes","clause":"exists territory (it is there)","names":"territory","decided":true,"why":"territory UKI belongs to ana","owner":"ana"}],"policy":"one-day","version":1,"submitted":"given"}',NULL);
INSERT INTO response VALUES(4,4,1,'sfo2017-7f295ad8a2b7b9eb',2,0,3,1795377475000000,1795377464981000,1795377475175417,0,'{"id":"sfo2017-7f295ad8a2b7b9eb","submitted":"2026-11-22T19:57:44.981Z","customer":"c-3","name":"Aleksandra “Ola” Wiśniewska","territory":"UKI","department":"Boarding area D","comment":"Nobody called back","nps":3,"segment":"consumer"}','{"rule":"detractor","rules":[{"rule":"detractor","result":"yes","clause":"nps <= 6 (nps is 3)","decided":true},{"rule":"dissatisfied","result":"unknown","clause":"csat <= 2: csat is not in the message","decided":false}],"routes":[{"route":1,"result":"yes","clause":"exists territory (it is there)","names":"territory","decided":true,"why":"territory UKI belongs to ana","owner":"ana"}],"policy":"one-day","version":1,"submitted":"given"}',NULL);
INSERT INTO response VALUES(5,5,1,'sfo2017-44fce83447fc1df2',2,0,4,1795377475000000,1795377469981000,1795377475175417,0,'{"id":"sfo2017-44fce83447fc1df2","submitted":"2026-11-22T19:57:49.981Z","customer":"c-8","name":"Ngô Thị Hạnh","territory":"UKI","department":"Boarding area D","comment":"Nobody called back","nps":1,"segment":"consumer"}','{"rule":"detractor","rules":[{"rule":"detractor","result":"yes","clause":"nps <= 6 (nps is 1)","decided":true},{"rule":"dissatisfied","result":"unknown","clause":"csat <= 2: csat is not in the message","decided":false}],"routes":[{"route":1,"result":"yes","clause":"exists territory (it is there)","names":"territory","decided":true,"why":"territory UKI belongs to ana","owner":"ana"}],"policy":"one-day","version":1,"submitted":"given"}',NULL);
INSERT INTO response VALUES(6,1,1,'sfo2017-18338e2e6b437bcb',2,0,5,1795377475000000,1795377470981000,1795377475175417,0,'{"id":"sfo2017-18338e2e6b437bcb","submitted":"2026-11-22T19:57:50.981Z","customer":"c-0","name":"Aleksandra “Ola” Wiśniewska","territory":"UKI","department":"Boarding area E","comment":"Nobody called back","nps":2,"segment":"consumer"}','{"rule":"detractor","rules":[{"rule":"detractor","result":"yes","clause":"nps <= 6 (nps is 2)","decided":true},{"rule":"dissatisfied","result":"unknown","clause":"csat <= 2: csat is not in the message","decided":false}],"routes":[{"route":1,"result":"yes","clause":"exists territory (it is there)","names":"territory","decided":true,"why":"territory UKI belongs to ana","owner":"ana"}],"policy":"one-day","version":1,"submitted":"given"}',NULL);
INSERT INTO response VALUES(7,2,1,'sfo2017-508a52586c2dfa7a',2,0,6,1795377475000000,1795377471981000,1795377475175417,0,'{"id":"sfo2017-508a52586c2dfa7a","submitted":"2026-11-22T19:57:51.981Z","customer":"c-1","name":"דוד לוי","territory":"UKI","department":"Boarding area B","comment":"Nobody called back","nps":3,"segment":"consumer"}','{"rule":"detractor","rules":[{"rule":"detractor","result":"yes","clause":"nps <= 6 (nps is 3)","decided":true},{"rule":"dissatisfied","result":"unknown","clause":"csat <= 2: csat is not in the message","decided":false}],"routes":[{"route":1,"result":"yes","clause":"exists territory (it is there)","names":"territory","decided":true,"why":"territory UKI belongs to ana","owner":"ana"}],"policy":"one-day","version":1,"submitted":"given"}',NULL);
INSERT INTO response VALUES(8,3,1,'sfo2017-0a8234666f7d5956',2,0,7,1795377475000000,1795377472981000,1795377475175417,0,'{"id":"sfo2017-0a8234666f7d5956","submitted":"2026-11-22T19:57:52.981Z","customer":"c-2","name":"Kwame Mensah","territory":"UKI","department":"Boarding area G","comment":"Nobody called back","nps":4,"segment":"consumer"}','{"rule":"detractor","rules":[{"rule":"detractor","result":"yes","clause":"nps <= 6 (nps is 4)","decided":true},{"rule":"dissatisfied","result":"unknown","clause":"csat <= 2: csat is not in the message","decided":false}],"routes":[{"route":1,"result":"yes","clause":"exists territory (it is there)","names":"territory","decided":true,"why":"territory UKI belongs to ana","owner":"ana"}],"policy":"one-day","version":1,"submitted":"given"}',NULL);
INSERT INTO response VALUES(9,6,1,'sfo2017-badbbd90d88f489f',2,1,0,1795377475000000,1795377465981000,1795377475175417,0,'{"id":"sfo2017-badbbd90d88f489f","submitted":"2026-11-22T19:57:45.981Z","customer":"c-4","name":"Grzegorz Brzęczyszczykiewicz","territory":"UKI","department":"Boarding area C","comment":"Nobody called back","nps":4,"segment":"consumer"}','{"rule":"detractor","rules":[{"rule":"detractor","result":"yes","clause":"nps <= 6 (nps is 4)","decided":true},{"rule":"dissatisfied","result":"unknown","clause":"csat <= 2: csat is not in the message","decided":false}],"routes":[{"route":1,"result":"yes","clause":"exists territory (it is there)","names":"territory","decided":true,"why":"territory UKI belongs to ana","owner":"ana"}],"policy":"one-day","version":1,"submitted":"given"}',NULL);
INSERT INTO response VALUES(10,7,1,'sfo2017-9b39154d535eb932',2,1,1,1795377475000000,1795377466981000,1795377475175417,0,'{"id":"sfo2017-9b39154d535eb932","submitted":"2026-11-22T19:57:46.981Z","customer":"c-5","name":"José Núñez","territory":"UKI","department":"Boarding area G","comment":"Nobody called back","nps":5,"segment":"consumer"}','{"rule":"detractor","rules":[{"rule":"detractor","result":"yes","clause":"nps <= 6 (nps is 5)","decided":true},{"rule":"dissatisfied","result":"unknown","clause":"csat <= 2: csat is not in the message","decided":false}],"routes":[{"route":1,"result":"yes","clause":"exists territory (it is there)","names":"territory","decided":true,"why":"territory UKI belongs to ana","owner":"ana"}],"policy":"one-day","version":1,"submitted":"given"}',NULL);
INSERT INTO response VALUES(11,8,1,'sfo2017-7bebccdb3c0eb1a5',2,1,2,1795377475000000,1795377467981000,1795377475175417,0,'{"id":"sfo2017-7bebccdb3c0eb1a5","submitted":"2026-11-22T19:57:47.981Z","customer":"c-6","name":"Elif Şahin","territory":"EMEA-North","department":"Boarding area B","comment":"Nobody called back","nps":6,"segment":"consumer"}','{"rule":"detractor","rules":[{"rule":"detractor","result":"yes","clause":"nps <= 6 (nps is 6)","decided":true},{"rule":"dissatisfied","result":"unknown","clause":"csat <= 2: csat is not in the message","decided":false}],"routes":[{"route":1,"result":"yes","clause":"exists territory (it is there)","names":"territory","decided":true,"why":"territory EMEA-* belongs to ben","owner":"ben"}],"policy":"one-day","version":1,"submitted":"given"}',NULL);
INSERT INTO response VALUES(12,9,1,'sfo2017-965040aa173ae74a',2,1,3,1795377475000000,1795377468981000,1795377475175417,0,'{"id":"sfo2017-965040aa173ae74a","submitted":"2026-11-22T19:57:48.981Z","customer":"c-7","name":"محمد الأحمد","territory":"UKI","department":"Boarding area E","comment":"Nobody called back","nps":0,"segment":"consumer"}','{"rule":"detractor","rules":[{"rule":"detractor","result":"yes","clause":"nps <= 6 (nps is 0)","decided":true},{"rule":"dissatisfied","result":"unknown","clause":"csat <= 2: csat is not in the message","decided":false}],"routes":[{"route":1,"result":"yes","clause":"exists territory (it is there)","names":"territory","decided":true,"why":"territory UKI belongs to ana","owner":"ana"}],"policy":"one-day","version":1,"submitted":"given"}',NULL);
CREATE TABLE cases ( number INTEGER PRIMARY KEY, id BLOB NOT NULL, source INTEGER NOT NULL, customer TEXT, territory TEXT, rule TEXT, policy INTEGER, opened_at INTEGER, state INTEGER NOT NULL, mode INTEGER NOT NULL, severity INTEGER NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL, owner TEXT, owner_is_group INTEGER NOT NULL, submitted_at INTEGER, window_ends_at INTEGER, told_at INTEGER, paused_until INTEGER, attempts INTEGER NOT NULL, last_attempt_at INTEGER, last_attempt_result TEXT, last_attempt_channel TEXT, level INTEGER NOT NULL, responses INTEGER NOT NULL, first_contact_at INTEGER, contacted_at INTEGER, closed_at INTEGER, outcome TEXT, cause TEXT, is_held INTEGER NOT NULL, due_at INTEGER, steps TEXT) STRICT;
INSERT INTO cases VALUES(1,X'01a204d5fadd8fe7a6a5a31589f68f2f',1,'c-0','UKI','detractor',1,1795377475175417,1,0,1,1,3,'ana',0,1795377461981000,1795463861981000,NULL,1795463875296510,1,1795377475296510,'voicemail','phone',0,2,NULL,NULL,NULL,NULL,NULL,0,1795463875296510,'[[1,0,0,1,"ana",1795463875296510],[2,0,1,4,"joe",1795463875296510]]');
INSERT INTO cases VALUES(2,X'01a204d5fec5829fb244c561c05e660f',1,'c-1','EMEA-North','detractor',1,1795377475175417,2,0,1,1,3,'ben',0,1795377462981000,1795463862981000,NULL,NULL,0,NULL,NULL,NULL,0,2,1795377475300139,1795377475300139,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO cases VALUES(3,X'01a204d602ad8ccbab9b9266e2f5fadd',1,'c-2','UKI','detractor',1,1795377475175417,3,0,1,1,4,'ana',0,1795377463981000,1795463863981000,NULL,NULL,0,NULL,NULL,NULL,0,2,1795377475307325,1795377475307325,1795377475312178,'recovered','delivery',0,NULL,NULL);
INSERT INTO cases VALUES(4,X'01a204d60695894299f284ca0e759ae6',1,'c-3','UKI','detractor',1,1795377475175417,1,0,1,2,2,'ines',0,1795377464981000,1795463864981000,NULL,NULL,0,NULL,NULL,NULL,0,1,NULL,NULL,NULL,NULL,NULL,0,1795399064981000,'[[1,0,0,1,"ines",1795399064981000],[2,0,9,4,"joe",1795463864981000]]');
INSERT INTO cases VALUES(5,X'01a204d61a1d88208403a52d199be93f',1,'c-8','UKI','detractor',1,1795377475175417,1,0,1,1,1,'ana',0,1795377469981000,1795463869981000,NULL,NULL,0,NULL,NULL,NULL,0,1,NULL,NULL,NULL,NULL,NULL,0,1795399069981000,'[[1,0,0,1,"ana",1795399069981000],[2,0,1,4,"joe",1795463869981000]]');
INSERT INTO cases VALUES(6,X'01a204d60a7d81a48c4bde9b4d10e9e1',1,'c-4','UKI','detractor',1,1795377475175417,1,0,1,1,1,'ana',0,1795377465981000,1795463865981000,NULL,NULL,0,NULL,NULL,NULL,0,1,NULL,NULL,NULL,NULL,NULL,0,1795399065981000,'[[1,0,0,1,"ana",1795399065981000],[2,0,1,4,"joe",1795463865981000]]');
INSERT INTO cases VALUES(7,X'01a204d60e6580168187cb4a5f092150',1,'c-5','UKI','detractor',1,1795377475175417,1,0,1,1,1,'ana',0,1795377466981000,1795463866981000,NULL,NULL,0,NULL,NULL,NULL,0,1,NULL,NULL,NULL,NULL,NULL,0,1795399066981000,'[[1,0,0,1,"ana",1795399066981000],[2,0,1,4,"joe",1795463866981000]]');
INSERT INTO cases VALUES(8,X'01a204d6124d84f6b58397d6a69d65ca',1,'c-6','EMEA-North','detractor',1,1795377475175417,1,0,1,1,1,'ben',0,1795377467981000,1795463867981000,NULL,NULL,0,NULL,NULL,NULL,0,1,NULL,NULL,NULL,NULL,NULL,0,1795399067981000,'[[1,0,0,1,"ben",1795399067981000],[2,0,1,4,"joe",1795463867981000]]');
INSERT INTO cases VALUES(9,X'01a204d616358bbe8ebf4be90625022a',1,'c-7','UKI','detractor',1,1795377475175417,1,0,1,1,1,'ana',0,1795377468981000,1795463868981000,NULL,NULL,0,NULL,NULL,NULL,0,1,NULL,NULL,NULL,NULL,NULL,0,1795399068981000,'[[1,0,0,1,"ana",1795399068981000],[2,0,1,4,"joe",1795463868981000]]');
CREATE TABLE case_event ( case_number INTEGER NOT NULL, sequence INTEGER NOT NULL, kind INTEGER NOT NULL, at INTEGER NOT NULL, act_key TEXT, detail TEXT NOT NULL, PRIMARY KEY (case_number, sequence)) WITHOUT ROWID, STRICT;
INSERT INTO case_event VALUES(1,1,0,1795377475175417,NULL,'{"engine":1,"at":1795377475175417,"by":"survey","owner":"ana","id":"01a204d5fadd8fe7a6a5a31589f68f2f","response":"sfo2017-0dd10282e7239441","source":"survey","customer":"c-0","territory":"UKI","rule":"detractor","severity":1,"policy":"one-day","version":1,"submitted":1795377461981000,"window_ends":1795463861981000,"steps":[[0,0,0,0,"ana",1795377461981000],[1,0,0,1,"ana",1795399061981000],[2,0,1,4,"joe",1795463861981000]]}');
INSERT INTO case_event VALUES(1,2,0,1795377475175417,NULL,'{"engine":1,"at":1795377475175417,"by":"survey","id":"01a204d5fadd8fe7a6a5a31589f68f2f","response":"sfo2017-18338e2e6b437bcb","source":"survey","customer":"c-0","territory":"UKI","rule":"detractor","severity":1,"policy":"one-day","version":1,"submitted":1795377470981000,"window_ends":1795463870981000,"tells":[[0,0,0,6,"ana",1795377475175417]]}');
INSERT INTO case_event VALUES(1,3,2,1795377475296510,NULL,'{"engine":1,"at":1795377475296510,"by":"ana","channel":"phone","result":"voicemail","paused_until":1795463875296510,"steps":[[1,0,0,1,"ana",1795463875296510],[2,0,1,4,"joe",1795463875296510]]}');
INSERT INTO case_event VALUES(2,1,0,1795377475175417,NULL,'{"engine":1,"at":1795377475175417,"by":"survey","owner":"ben","id":"01a204d5fec5829fb244c561c05e660f","response":"sfo2017-4e68f374686ef033","source":"survey","customer":"c-1","territory":"EMEA-North","rule":"detractor","severity":1,"policy":"one-day","version":1,"submitted":1795377462981000,"window_ends":1795463862981000,"steps":[[0,0,0,0,"ben",1795377462981000],[1,0,0,1,"ben",1795399062981000],[2,0,1,4,"joe",1795463862981000]]}');
INSERT INTO case_event VALUES(2,2,0,1795377475175417,NULL,'{"engine":1,"at":1795377475175417,"by":"survey","id":"01a204d5fec5829fb244c561c05e660f","response":"sfo2017-508a52586c2dfa7a","source":"survey","customer":"c-1","territory":"UKI","rule":"detractor","severity":1,"policy":"one-day","version":1,"submitted":1795377471981000,"window_ends":1795463871981000,"tells":[[0,0,0,6,"ben",1795377475175417]]}');
INSERT INTO case_event VALUES(2,3,3,1795377475300139,'k-2','{"engine":1,"at":1795377475300139,"by":"ben","key":"k-2","note":"says \"sorry\" is enough","channel":"phone","result":"spoke"}');
INSERT INTO case_event VALUES(3,1,0,1795377475175417,NULL,'{"engine":1,"at":1795377475175417,"by":"survey","owner":"ana","id":"01a204d602ad8ccbab9b9266e2f5fadd","response":"sfo2017-e679ecbe1262463a","source":"survey","customer":"c-2","territory":"UKI","rule":"detractor","severity":1,"policy":"one-day","version":1,"submitted":1795377463981000,"window_ends":1795463863981000,"steps":[[0,0,0,0,"ana",1795377463981000],[1,0,0,1,"ana",1795399063981000],[2,0,1,4,"joe",1795463863981000]]}');
INSERT INTO case_event VALUES(3,2,0,1795377475175417,NULL,'{"engine":1,"at":1795377475175417,"by":"survey","id":"01a204d602ad8ccbab9b9266e2f5fadd","response":"sfo2017-0a8234666f7d5956","source":"survey","customer":"c-2","territory":"UKI","rule":"detractor","severity":1,"policy":"one-day","version":1,"submitted":1795377472981000,"window_ends":1795463872981000,"tells":[[0,0,0,6,"ana",1795377475175417]]}');
INSERT INTO case_event VALUES(3,3,3,1795377475307325,NULL,'{"engine":1,"at":1795377475307325,"by":"joe","channel":"phone","result":"spoke","tells":[[0,0,0,9,"ana",1795377475307325]]}');
INSERT INTO case_event VALUES(3,4,6,1795377475312178,NULL,'{"engine":1,"at":1795377475312178,"by":"joe","outcome":"recovered","cause":"delivery","amount":12.5,"attempts_needed":3}');
INSERT INTO case_event VALUES(4,1,0,1795377475175417,NULL,'{"engine":1,"at":1795377475175417,"by":"survey","owner":"ana","id":"01a204d60695894299f284ca0e759ae6","response":"sfo2017-7f295ad8a2b7b9eb","source":"survey","customer":"c-3","territory":"UKI","rule":"detractor","severity":1,"policy":"one-day","version":1,"submitted":1795377464981000,"window_ends":1795463864981000,"steps":[[0,0,0,0,"ana",1795377464981000],[1,0,0,1,"ana",1795399064981000],[2,0,1,4,"joe",1795463864981000]]}');
INSERT INTO case_event VALUES(4,2,5,1795377475314034,NULL,'{"engine":1,"at":1795377475314034,"by":"administrator","owner":"ines","steps":[[0,0,0,0,"ines",1795377475314034],[1,0,0,1,"ines",1795399064981000],[2,0,9,4,"joe",1795463864981000]],"tells":[[0,0,0,8,"ana",1795377475314034]]}');
INSERT INTO case_event VALUES(5,1,0,1795377475175417,NULL,'{"engine":1,"at":1795377475175417,"by":"survey","owner":"ana","id":"01a204d61a1d88208403a52d199be93f","response":"sfo2017-44fce83447fc1df2","source":"survey","customer":"c-8","territory":"UKI","rule":"detractor","severity":1,"policy":"one-day","version":1,"submitted":1795377469981000,"window_ends":1795463869981000,"steps":[[0,0,0,0,"ana",1795377469981000],[1,0,0,1,"ana",1795399069981000],[2,0,1,4,"joe",1795463869981000]]}');
INSERT INTO case_event VALUES(6,1,0,1795377475175417,NULL,'{"engine":1,"at":1795377475175417,"by":"survey","owner":"ana","id":"01a204d60a7d81a48c4bde9b4d10e9e1","response":"sfo2017-badbbd90d88f489f","source":"survey","customer":"c-4","territory":"UKI","rule":"detractor","severity":1,"policy":"one-day","version":1,"submitted":1795377465981000,"window_ends":1795463865981000,"steps":[[0,0,0,0,"ana",1795377465981000],[1,0,0,1,"ana",1795399065981000],[2,0,1,4,"joe",1795463865981000]]}');
INSERT INTO case_event VALUES(7,1,0,1795377475175417,NULL,'{"engine":1,"at":1795377475175417,"by":"survey","owner":"ana","id":"01a204d60e6580168187cb4a5f092150","response":"sfo2017-9b39154d535eb932","source":"survey","customer":"c-5","territory":"UKI","rule":"detractor","severity":1,"policy":"one-day","version":1,"submitted":1795377466981000,"window_ends":1795463866981000,"steps":[[0,0,0,0,"ana",1795377466981000],[1,0,0,1,"ana",1795399066981000],[2,0,1,4,"joe",1795463866981000]]}');
INSERT INTO case_event VALUES(8,1,0,1795377475175417,NULL,'{"engine":1,"at":1795377475175417,"by":"survey","owner":"ben","id":"01a204d6124d84f6b58397d6a69d65ca","response":"sfo2017-7bebccdb3c0eb1a5","source":"survey","customer":"c-6","territory":"EMEA-North","rule":"detractor","severity":1,"policy":"one-day","version":1,"submitted":1795377467981000,"window_ends":1795463867981000,"steps":[[0,0,0,0,"ben",1795377467981000],[1,0,0,1,"ben",1795399067981000],[2,0,1,4,"joe",1795463867981000]]}');
INSERT INTO case_event VALUES(9,1,0,1795377475175417,NULL,'{"engine":1,"at":1795377475175417,"by":"survey","owner":"ana","id":"01a204d616358bbe8ebf4be90625022a","response":"sfo2017-965040aa173ae74a","source":"survey","customer":"c-7","territory":"UKI","rule":"detractor","severity":1,"policy":"one-day","version":1,"submitted":1795377468981000,"window_ends":1795463868981000,"steps":[[0,0,0,0,"ana",1795377468981000],[1,0,0,1,"ana",1795399068981000],[2,0,1,4,"joe",1795463868981000]]}');
CREATE TABLE delivery ( number INTEGER PRIMARY KEY, case_number INTEGER NOT NULL, epoch INTEGER NOT NULL, rung INTEGER NOT NULL, occurrence INTEGER NOT NULL, sequence INTEGER NOT NULL, recipient TEXT NOT NULL, channel TEXT NOT NULL, why INTEGER NOT NULL, message INTEGER NOT NULL, state INTEGER NOT NULL, due_at INTEGER, next_at INTEGER, first_tried_at INTEGER, ended_at INTEGER, attempts INTEGER NOT NULL, code INTEGER NOT NULL, detail TEXT, late INTEGER NOT NULL, fell_over INTEGER NOT NULL, note TEXT) STRICT;
INSERT INTO delivery VALUES(1,1,1,0,0,1,'ana','hook-ana',0,0,1,1795377461981000,NULL,1795377475201651,1795377475201651,1,200,'HTTP 200',13194417,0,NULL);
INSERT INTO delivery VALUES(2,2,1,0,0,1,'ben','hook-ben',0,0,1,1795377462981000,NULL,1795377475201651,1795377475201651,1,200,'HTTP 200',12194417,0,NULL);
INSERT INTO delivery VALUES(3,3,1,0,0,1,'ana','hook-ana',0,0,1,1795377463981000,NULL,1795377475201651,1795377475201651,1,200,'HTTP 200',11194417,0,NULL);
INSERT INTO delivery VALUES(4,4,1,0,0,1,'ana','hook-ana',0,0,1,1795377464981000,NULL,1795377475201651,1795377475201651,1,200,'HTTP 200',10194417,0,NULL);
INSERT INTO delivery VALUES(5,5,1,0,0,1,'ana','hook-ana',0,0,1,1795377469981000,NULL,1795377475212993,1795377475212993,1,200,'HTTP 200',5194417,0,NULL);
INSERT INTO delivery VALUES(6,1,1,-2,0,2,'ana','hook-ana',0,6,1,1795377475175417,NULL,1795377475212993,1795377475212993,1,200,'HTTP 200',0,0,NULL);
INSERT INTO delivery VALUES(7,2,1,-2,0,2,'ben','hook-ben',0,6,1,1795377475175417,NULL,1795377475201651,1795377475201651,1,200,'HTTP 200',0,0,NULL);
INSERT INTO delivery VALUES(8,3,1,-2,0,2,'ana','hook-ana',0,6,1,1795377475175417,NULL,1795377475212993,1795377475212993,1,200,'HTTP 200',0,0,NULL);
INSERT INTO delivery VALUES(9,6,1,0,0,1,'ana','hook-ana',0,0,1,1795377465981000,NULL,1795377475212993,1795377475212993,1,200,'HTTP 200',9194417,0,NULL);
INSERT INTO delivery VALUES(10,7,1,0,0,1,'ana','hook-ana',0,0,1,1795377466981000,NULL,1795377475212993,1795377475212993,1,200,'HTTP 200',8194417,0,NULL);
INSERT INTO delivery VALUES(11,8,1,0,0,1,'ben','hook-ben',0,0,1,1795377467981000,NULL,1795377475201651,1795377475201651,1,200,'HTTP 200',7194417,0,NULL);
INSERT INTO delivery VALUES(12,9,1,0,0,1,'ana','hook-ana',0,0,1,1795377468981000,NULL,1795377475212993,1795377475212993,1,200,'HTTP 200',6194417,0,NULL);
INSERT INTO delivery VALUES(13,3,1,-3,0,3,'ana','hook-ana',0,9,1,1795377475307325,NULL,1795377475312178,1795377475312178,1,200,'HTTP 200',0,0,'Joe Marsh');
INSERT INTO delivery VALUES(14,4,2,-2,0,2,'ana','hook-ana',0,8,1,1795377475314034,NULL,1795377475326302,1795377475326302,1,200,'HTTP 200',0,0,'Ines Roth');
INSERT INTO delivery VALUES(15,4,2,0,0,2,'ines','hook-ines',0,0,1,1795377475314034,NULL,1795377475326302,1795377475326302,1,200,'HTTP 200',0,0,NULL);
CREATE TABLE channel_state ( channel TEXT NOT NULL, recipient TEXT NOT NULL, disabled_at INTEGER, reason TEXT, PRIMARY KEY (channel, recipient)) WITHOUT ROWID, STRICT;
CREATE TABLE policy ( number INTEGER PRIMARY KEY, name TEXT NOT NULL, version INTEGER NOT NULL, kept_at INTEGER, text TEXT NOT NULL) STRICT;
INSERT INTO policy VALUES(1,'one-day',1,1795377475095996,replace('policy = {\n  name = "one-day";\n  version = 1;\n  approved = "nobody, this is a test";\n  window = "24 hours";\n  reached_by = ( "spoke", "visited", "customer-replied" );\n  least_notice = "1 hour";\n  ladder = (\n    {\n      after = "0 minutes";\n      tell = ( "owner" );\n      message = "alert";\n      at = "any time";\n    },\n    {\n      after = "6 hours";\n      tell = ( "owner" );\n      message = "reminder";\n      at = "any time";\n    },\n    {\n      after = "window";\n      tell = ( "manager" );\n      message = "window-missed";\n      at = "any time";\n      repeat = "1 day";\n    }\n  );\n  joins = "customer";\n};\n','\n',char(10)));
CREATE TABLE dead_letter ( number INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL, record_offset INTEGER NOT NULL, record_at INTEGER, reason TEXT NOT NULL, key BLOB, value BLOB, headers TEXT, recorded_at INTEGER, state INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
INSERT INTO dead_letter VALUES(1,'survey-responses',0,9,1795377475255000,'not JSON',NULL,X'6e6f74206a736f6e','[]',1795377475285701,0,10);
INSERT INTO dead_letter VALUES(2,'survey-responses',1,5,1795377475255000,'tombstone',X'6b',NULL,'[]',1795377475285701,0,3);
CREATE TABLE figure ( one INTEGER PRIMARY KEY CHECK (one = 1), cases_open INTEGER NOT NULL, cases_contacted INTEGER NOT NULL, cases_closed INTEGER NOT NULL, deliveries_pending INTEGER NOT NULL, deliveries_failed INTEGER NOT NULL, dead_letters INTEGER NOT NULL, dead_letter_bytes INTEGER NOT NULL, overdue INTEGER NOT NULL, overdue_at INTEGER) STRICT;
INSERT INTO figure VALUES(1,7,1,1,0,0,2,13,0,1795377475109802);
CREATE UNIQUE INDEX response_id ON response (response_id, source);
CREATE UNIQUE INDEX response_place ON response (record_offset, partition, topic);
CREATE INDEX response_case ON response (case_number);
CREATE UNIQUE INDEX case_id ON cases (id);
CREATE INDEX case_customer ON cases (customer, source) WHERE customer IS NOT NULL;
CREATE INDEX case_due ON cases (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX case_not_closed ON cases (state, mode, window_ends_at) WHERE state < 3;
CREATE UNIQUE INDEX case_event_act ON case_event (case_number, act_key) WHERE act_key IS NOT NULL;
CREATE UNIQUE INDEX delivery_key ON delivery (case_number, epoch, rung, occurrence, recipient, channel);
CREATE INDEX delivery_due ON delivery (next_at) WHERE state = 0;
CREATE INDEX delivery_failed ON delivery (state) WHERE state = 2;
CREATE UNIQUE INDEX policy_version ON policy (name, version);
CREATE UNIQUE INDEX dead_letter_place ON dead_letter (topic, partition, record_offset);
CREATE INDEX dead_letter_state ON dead_letter (state);
CREATE INDEX dead_letter_bytes ON dead_letter (state) WHERE state = 2 AND bytes > 0;
CREATE VIEW v_case AS SELECT -- one row a case: a dissatisfied customer until somebody has reached them
  cases.number AS "number", -- the short number that people use
  substr(lower(hex(id)), 1, 8) || '-' || substr(lower(hex(id)), 9, 4) || '-' || substr(lower(hex(id)), 13, 4) || '-' || substr(lower(hex(id)), 17, 4) || '-' || substr(lower(hex(id)), 21, 12) AS "id", -- UUID; the same answer always opens the case with the same id, also after a restored backup
  CASE state WHEN 0 THEN 'new' WHEN 1 THEN 'open' WHEN 2 THEN 'contacted' WHEN 3 THEN 'closed' END AS "state", -- open: nobody has reached the customer; contacted: reached; closed: with an outcome
  CASE mode WHEN 0 THEN 'live' WHEN 1 THEN 'shadow' WHEN 2 THEN 'too-old' END AS "mode", -- live; shadow: kept and measured, nobody is told; too-old: the answer was too old to alert
  CASE severity WHEN 0 THEN 'low' WHEN 1 THEN 'normal' WHEN 2 THEN 'high' WHEN 3 THEN 'critical' END AS "severity", -- low, normal, high, critical: the highest of its answers
  source.text AS "source", -- where its answers come from, a name of the configuration
  customer AS "customer", -- id of the customer; null: anonymous
  territory AS "territory", -- territory of the first answer
  rule AS "rule", -- the rule that flagged the first answer
  policy.name AS "policy", -- the policy that the case follows
  policy.version AS "policy_version", -- its version: a case keeps the one it was opened under
  owner AS "owner", -- id of the person or group it belongs to
  owner_is_group AS "owner_is_group", -- 1: a group, until one of its members claims the case
  strftime('%Y-%m-%dT%H:%M:%S', (submitted_at) / 1000000, 'unixepoch') || printf('.%03dZ', (submitted_at) / 1000 % 1000) AS "submitted_at", -- when the customer answered; of a case that opened again: the latest time
  submitted_at AS "submitted_at_us",
  strftime('%Y-%m-%dT%H:%M:%S', (opened_at) / 1000000, 'unixepoch') || printf('.%03dZ', (opened_at) / 1000 % 1000) AS "opened_at", -- when the case was first opened
  opened_at AS "opened_at_us",
  strftime('%Y-%m-%dT%H:%M:%S', (window_ends_at) / 1000000, 'unixepoch') || printf('.%03dZ', (window_ends_at) / 1000 % 1000) AS "window_ends_at", -- until when the customer was to be reached
  window_ends_at AS "window_ends_at_us",
  strftime('%Y-%m-%dT%H:%M:%S', (told_at) / 1000000, 'unixepoch') || printf('.%03dZ', (told_at) / 1000 % 1000) AS "told_at", -- when the owner's alert was accepted by their channel
  told_at AS "told_at_us",
  strftime('%Y-%m-%dT%H:%M:%S', (contacted_at) / 1000000, 'unixepoch') || printf('.%03dZ', (contacted_at) / 1000 % 1000) AS "contacted_at", -- when the customer was reached, since the case was last opened
  contacted_at AS "contacted_at_us",
  strftime('%Y-%m-%dT%H:%M:%S', (closed_at) / 1000000, 'unixepoch') || printf('.%03dZ', (closed_at) / 1000 % 1000) AS "closed_at", -- when it was closed
  closed_at AS "closed_at_us",
  strftime('%Y-%m-%dT%H:%M:%S', (first_contact_at) / 1000000, 'unixepoch') || printf('.%03dZ', (first_contact_at) / 1000 % 1000) AS "first_contact_at", -- when the customer was reached for the first time in this case
  first_contact_at AS "first_contact_at_us",
  (contacted_at - submitted_at) / 1000000 AS "seconds_to_contact", -- from the answer to the contact, nights and weekends included
  contacted_at <= window_ends_at AS "is_in_time", -- 1: reached within the window; null: not reached yet
  attempts AS "attempts", -- attempts that did not reach the customer, since the case was last opened
  strftime('%Y-%m-%dT%H:%M:%S', (last_attempt_at) / 1000000, 'unixepoch') || printf('.%03dZ', (last_attempt_at) / 1000 % 1000) AS "last_attempt_at", -- the last of them
  last_attempt_at AS "last_attempt_at_us",
  last_attempt_channel AS "last_attempt_channel", -- how: phone, visit, email, chat
  last_attempt_result AS "last_attempt_result", -- what came of it: no-answer, voicemail, bounced, ...
  strftime('%Y-%m-%dT%H:%M:%S', (paused_until) / 1000000, 'unixepoch') || printf('.%03dZ', (paused_until) / 1000 % 1000) AS "paused_until", -- until when an attempt holds the ladder back
  paused_until AS "paused_until_us",
  level AS "level", -- rungs that told somebody other than the owner, since the case was last opened
  responses AS "responses", -- how many unhappy answers it holds
  epoch AS "epoch", -- how often its ladder was started: 1, more after it was opened or handed over again
  sequence AS "events", -- number of its last event
  outcome AS "outcome", -- of a closed case: recovered, partly, lost, declined, wrong-person, already-handled, duplicate, not-a-complaint, unreachable
  cause AS "cause", -- root cause, as it was given at the close
  strftime('%Y-%m-%dT%H:%M:%S', (due_at) / 1000000, 'unixepoch') || printf('.%03dZ', (due_at) / 1000 % 1000) AS "next_step_at", -- when the ladder looks at it next; null: it waits for nothing
  due_at AS "next_step_at_us",
  is_held AS "is_held" -- 1: a step is due and waits for the fate of the owner's alert
FROM cases LEFT JOIN policy ON policy.number = cases.policy LEFT JOIN name AS source ON source.number = cases.source
;
CREATE VIEW v_response AS SELECT -- one row an answer that asked for a call
  response.number AS "number", -- counts the answers that were flagged
  case_number AS "case_number", -- the case it opened or joined
  source.text AS "source", -- where it comes from, a name of the configuration
  response_id AS "response_id", -- its id there; TOPIC/PARTITION/OFFSET where answers have none
  topic.text AS "topic", -- its place in Kafka: topic,
  partition AS "partition", -- partition
  record_offset AS "offset", -- and offset
  strftime('%Y-%m-%dT%H:%M:%S', (record_at) / 1000000, 'unixepoch') || printf('.%03dZ', (record_at) / 1000 % 1000) AS "record_at", -- the record's own time
  record_at AS "record_at_us",
  strftime('%Y-%m-%dT%H:%M:%S', (submitted_at) / 1000000, 'unixepoch') || printf('.%03dZ', (submitted_at) / 1000 % 1000) AS "submitted_at", -- when the customer answered
  submitted_at AS "submitted_at_us",
  CASE submitted_note WHEN 0 THEN 'given' WHEN 1 THEN 'missing' WHEN 2 THEN 'unreadable' WHEN 3 THEN 'in-future' END AS "submitted_note", -- given; else the record's time is used, because it was missing, unreadable, or in-future: later than the record
  strftime('%Y-%m-%dT%H:%M:%S', (recorded_at) / 1000000, 'unixepoch') || printf('.%03dZ', (recorded_at) / 1000 % 1000) AS "recorded_at", -- when it was stored here; what is lost until then is our delay
  recorded_at AS "recorded_at_us",
  fields AS "fields", -- the fields that were read from it, as a JSON object
  trail AS "trail", -- which rules and routes were tried and what decided, as JSON
  traceparent AS "traceparent" -- W3C trace context of the record, if it had one
FROM response LEFT JOIN name AS source ON source.number = response.source LEFT JOIN name AS topic ON topic.number = response.topic
;
CREATE VIEW v_case_event AS SELECT -- one row for each thing that happened to a case
  case_number AS "case_number", -- whose event it is
  sequence AS "sequence", -- 1, 2, ... within its case
  CASE kind WHEN 0 THEN 'flagged' WHEN 1 THEN 'due' WHEN 2 THEN 'attempt' WHEN 3 THEN 'contact' WHEN 4 THEN 'claim' WHEN 5 THEN 'assign' WHEN 6 THEN 'close' END AS "event", -- flagged: an unhappy answer; due: the ladder; attempt, contact, claim, assign, close: what a person did
  strftime('%Y-%m-%dT%H:%M:%S', (at) / 1000000, 'unixepoch') || printf('.%03dZ', (at) / 1000 % 1000) AS "recorded_at", -- when it was recorded: what the ladder goes by
  at AS "recorded_at_us",
  strftime('%Y-%m-%dT%H:%M:%S', (coalesce(json_extract(detail, '$.happened'), at)) / 1000000, 'unixepoch') || printf('.%03dZ', (coalesce(json_extract(detail, '$.happened'), at)) / 1000 % 1000) AS "happened_at", -- when it happened, as the person says
  coalesce(json_extract(detail, '$.happened'), at) AS "happened_at_us",
  json_extract(detail, '$.by') AS "by_whom", -- id of the person; or survey, clock, administrator
  act_key AS "act_key", -- the sender's key of an act: the same key twice is one act
  json_extract(detail, '$.response') AS "response_id", -- of flagged: the answer
  json_extract(detail, '$.owner') AS "owner", -- whom the case belongs to from then on, if it changed
  json_extract(detail, '$.channel') AS "channel", -- of attempt and contact: phone, visit, email, chat
  json_extract(detail, '$.result') AS "result", -- of attempt and contact: no-answer, voicemail, spoke, ...
  json_extract(detail, '$.note') AS "note", -- what the person wrote
  json_extract(detail, '$.outcome') AS "outcome", -- of close
  json_extract(detail, '$.cause') AS "cause", -- of close: root cause
  json_extract(detail, '$.amount') AS "amount", -- of close: money at stake or saved, in the company's currency
  json_extract(detail, '$.reference') AS "reference", -- of close: ticket, order, credit note
  json_extract(detail, '$.credit') AS "credit", -- of close: departments and people whose work helped
  coalesce(json_extract(detail, '$.may_quote'), 0) AS "may_quote", -- of close: 1: the customer may be quoted
  detail AS "detail" -- the whole event as JSON; a case's events replayed give the case
FROM case_event
;
CREATE VIEW v_delivery AS SELECT -- one row a message to one recipient on one channel
  number AS "number", -- as shown by closedloopctl deliveries
  nullif(case_number, 0) AS "case_number", -- null: not about a case
  epoch AS "epoch", -- the start of the ladder that it belongs to
  CASE WHEN rung >= 0 THEN rung END AS "rung", -- rung of the policy's ladder, from 0; null: told of an event
  occurrence AS "occurrence", -- 0, then 1, 2, ... of a rung that repeats
  sequence AS "event", -- the case event that decided it
  recipient AS "recipient", -- id of the person, or channel:NAME
  channel AS "channel", -- name of the channel
  CASE why WHEN 0 THEN 'owner' WHEN 1 THEN 'manager' WHEN 2 THEN 'director' WHEN 3 THEN 'delegate' WHEN 4 THEN 'inform' WHEN 5 THEN 'group' WHEN 6 THEN 'person' WHEN 7 THEN 'field' WHEN 8 THEN 'channel' WHEN 9 THEN 'catch-all' END AS "why", -- what the recipient is to the case
  CASE message WHEN 0 THEN 'alert' WHEN 1 THEN 'reminder' WHEN 2 THEN 'help-needed' WHEN 3 THEN 'help-told' WHEN 4 THEN 'window-missed' WHEN 5 THEN 'waiting-list' WHEN 6 THEN 'joined' WHEN 7 THEN 'reopened' WHEN 8 THEN 'claimed' WHEN 9 THEN 'contacted' WHEN 10 THEN 'closed' WHEN 11 THEN 'too-old' WHEN 12 THEN 'operator' WHEN 13 THEN 'test' END AS "message", -- which message: alert, reminder, ...
  CASE state WHEN 0 THEN 'pending' WHEN 1 THEN 'accepted' WHEN 2 THEN 'failed' WHEN 3 THEN 'dropped' END AS "state", -- pending; accepted by the channel; failed for good or given up; dropped: the customer was reached before, or another channel was faster
  strftime('%Y-%m-%dT%H:%M:%S', (due_at) / 1000000, 'unixepoch') || printf('.%03dZ', (due_at) / 1000 % 1000) AS "due_at", -- when it should go
  due_at AS "due_at_us",
  strftime('%Y-%m-%dT%H:%M:%S', (next_at) / 1000000, 'unixepoch') || printf('.%03dZ', (next_at) / 1000 % 1000) AS "next_at", -- pending: when it is tried next
  next_at AS "next_at_us",
  strftime('%Y-%m-%dT%H:%M:%S', (first_tried_at) / 1000000, 'unixepoch') || printf('.%03dZ', (first_tried_at) / 1000 % 1000) AS "first_tried_at", -- when it was tried for the first time
  first_tried_at AS "first_tried_at_us",
  strftime('%Y-%m-%dT%H:%M:%S', (ended_at) / 1000000, 'unixepoch') || printf('.%03dZ', (ended_at) / 1000 % 1000) AS "ended_at", -- when it was accepted, failed or dropped
  ended_at AS "ended_at_us",
  attempts AS "attempts", -- how often it was tried
  code AS "code", -- the last answer: HTTP status, SMTP code; 0: none
  detail AS "detail", -- the last answer in words
  late / 1000000 AS "late_seconds", -- how late its rung was decided
  fell_over AS "fell_over", -- 1: it took too long or failed, so the next channel was asked as well
  note AS "note" -- rungs that it stands for as well, as JSON; the text of a message to operators
FROM delivery
;
CREATE VIEW v_dead_letter AS SELECT -- one row a record that could not be read
  number AS "number", -- as shown by closedloopctl dead-letters
  topic AS "topic", -- the record's place: topic,
  partition AS "partition", -- partition
  record_offset AS "offset", -- and offset
  strftime('%Y-%m-%dT%H:%M:%S', (record_at) / 1000000, 'unixepoch') || printf('.%03dZ', (record_at) / 1000 % 1000) AS "record_at", -- the record's own time
  record_at AS "record_at_us",
  reason AS "reason", -- why it could not be read
  key AS "key", -- its key, the original bytes
  value AS "value", -- its value, the original bytes
  headers AS "headers", -- its headers: JSON array of name and base64 value
  bytes AS "bytes", -- of key, value and headers; 0 once they were taken away to make room
  strftime('%Y-%m-%dT%H:%M:%S', (recorded_at) / 1000000, 'unixepoch') || printf('.%03dZ', (recorded_at) / 1000 % 1000) AS "recorded_at", -- when it was set aside
  recorded_at AS "recorded_at_us",
  CASE state WHEN 0 THEN 'kept' WHEN 1 THEN 'pending' WHEN 2 THEN 'published' END AS "state" -- kept: only here; pending: to be written to the dead-letter topic; published: it is there
FROM dead_letter
;
CREATE VIEW v_offset AS SELECT -- one row a partition: how far it is read
  topic AS "topic", -- topic
  partition AS "partition", -- partition
  next_offset AS "next_offset", -- the next record to read: all before it are decided
  generation AS "generation", -- raised when an operator resets the offset
  nullif(anchor_offset, -1) AS "anchor_offset", -- the last record that was read; null: none yet
  strftime('%Y-%m-%dT%H:%M:%S', (anchor_at) / 1000000, 'unixepoch') || printf('.%03dZ', (anchor_at) / 1000 % 1000) AS "anchor_at", -- its time
  anchor_at AS "anchor_at_us",
  printf('%016x', anchor_hash) AS "anchor_hash" -- its hash: tells at the start whether the topic is still the same
FROM kafka_offset
;
COMMIT;
PRAGMA user_version = 1;
PRAGMA application_id = 1129084272;
