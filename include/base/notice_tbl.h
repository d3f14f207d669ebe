/* notice_tbl.h - every message of the log: symbol, priority, MESSAGE_ID, subject, cause, what to do. The journal's catalog
 * and the README's chapter are made of it; tests/lint/notices checks it.
 *
 * The subject begins the line in the log, in lower case and without a full stop. Cause and cure are sentences, for
 * somebody who was woken by it: what is wrong and whose fault it is; what to do, or "Nothing." A row that was released
 * keeps its id; a new one gets a fresh one: systemd-id128 new */
#pragma once

#define NOTICES(X) \
        /* ---- how the service comes and goes */ \
        X(READY, NOTICE, "fe70269521d44e91bdd7d68586f042c0", \
          "the service is ready", \
          "It has started, holds its store and listens; Kafka may still have to answer.", \
          "Nothing.") \
        X(STOPPING, NOTICE, "1927bf4d075e49c5ad79e5cef34ec4d9", \
          "the service is stopping", \
          "It was asked to stop, by systemctl or by a signal.", \
          "Nothing. What was judged is committed first, and what is on its way gets its result.") \
        X(STOP_LATE, WARNING, "4dc5230863504e119b155b74c2992746", \
          "a turn did not end in time", \
          "At the stop the store was still busy, most often with a slow disk.", \
          "Nothing is lost: the database undoes what was not committed, and it is read again. If it comes often, " \
          "look at the disk's write times with iostat -x 5.") \
        X(START_FAILED, ERR, "56043c0425534da4877a6549fa9be16d", \
          "the service cannot start", \
          "Something that it needs at the start is not there; the rest of the line says what.", \
          "Mend what the line names, then systemctl restart closedloopd.") \
        X(LOOP_FAILED, ERR, "f8c7f6e48c12457f8c820455383853cc", \
          "the event loop failed", \
          "The kernel refused something that the daemon cannot do without, most often memory or file descriptors.", \
          "systemd starts it again. If it comes back, look at systemctl status closedloopd for memory and tasks, " \
          "and report it with the lines before this one.") \
        /* ---- configuration */ \
        X(CONFIG_REFUSED, ERR, "4d832014d0e64420ab56e4ede77126a0", \
          "the configuration was refused", \
          "Something in /etc/closedloop is not right; each problem stands there with file and line. The service " \
          "does not start; one that runs goes on with what it had.", \
          "Mend what the lines name, check with closedloopd -t until it prints nothing, then systemctl start " \
          "closedloopd.") \
        X(RELOADED, NOTICE, "cda0c26801dc4b2f9d9d3753b57e0319", \
          "the configuration was loaded again", \
          "Somebody asked for it, and it is in force.", \
          "Nothing.") \
        X(RELOAD_REFUSED, ERR, "6243f23e9d4f4086948c2ac01e505288", \
          "the new configuration was refused, the old one goes on", \
          "A reload was asked for, and something in the new files is not right; each problem stands there with " \
          "file and line.", \
          "Mend what the lines name, check with closedloopd -t, then closedloopctl reload. Until then everything " \
          "goes on as before.") \
        X(RESTART_NEEDED, WARNING, "ee176a08641e45c689cd25e3d204c65f", \
          "a restart is needed before a change counts", \
          "A reload found new values for options that are read at the start only.", \
          "systemctl restart closedloopd at a time that suits; nothing is lost by it.") \
        X(CONTROL_GROUP_UNKNOWN, WARNING, "22ae45ec266547579781d4bc36bfc8e8", \
          "the group of the control socket does not exist", \
          "control.group names a group that this machine does not have. Only root and the daemon's own user may " \
          "use closedloopctl.", \
          "Make the group (systemd-sysusers makes the usual one), or name another in control.group; then restart.") \
        X(CONTROL_GROUP_DENIED, WARNING, "b986385db181451ab3724afd86f7da82", \
          "the control socket cannot be given to its group", \
          "The daemon's user is not a member of the group that control.group names.", \
          "Make it a member, or set Group= of the unit to that group; then restart. Until then only root and the " \
          "daemon's user may use closedloopctl.") \
        X(LISTEN_FAILED, ERR, "779c785fc24f4dd2b2141fc1be45b123", \
          "the service cannot listen", \
          "Another process has the port of metrics.listen or the control socket.", \
          "The line says which. Find the other with ss -ltnp (ports) or ss -lxp (sockets), stop it or choose " \
          "another place, then restart.") \
        /* ---- clock */ \
        X(CLOCK_DOUBT, WARNING, "e77a4252afb94a728a194c563c53cb11", \
          "the machine's clock is in doubt", \
          "It was set by more than clock.step, also while the service was down. Or the machine was started, and its " \
          "clock is before the last time in the store, or so much later that it was either off for so long or has a " \
          "wrong clock. Nothing says that it is right. Reminders and escalations are held, at most for clock.hold; " \
          "alerts are not.", \
          "Look at timedatectl. If the clock is wrong, mend it, best by time synchronisation (systemd-timesyncd or " \
          "chrony); if it is right, closedloopctl clock trust.") \
        X(CLOCK_AGAIN, NOTICE, "490499f1878242ad8d6a415882e812ec", \
          "the machine's clock is believed again", \
          "It is synchronised, was put back, an operator trusts it, or rungs were held for long enough.", \
          "Nothing. What was held goes out now, once, and says how late it is. If nobody has mended the clock, " \
          "look at timedatectl.") \
        X(CLOCK_SET, NOTICE, "6765f8b6c83641eca0f434f6b0127dfa", \
          "the machine's clock was set", \
          "Time synchronisation has put it right by more than clock.step.", \
          "Nothing. If it comes often, ask why the clock is so far off: journalctl -u systemd-timesyncd, or -u " \
          "chrony.") \
        /* ---- store */ \
        X(STORE_TAKEN, ERR, "efbf8a2060744de1bb594d56b12e42c9", \
          "another process has the store", \
          "A second closedloopd runs, or a tool has the database file open.", \
          "Find it with fuser -v on the file that the line names, and stop it. Look at the store through " \
          "closedloopctl, or on a copy, never at the file itself while the daemon runs.") \
        X(STORE_DAMAGED, ERR, "613e9db930bf4261a4f767db7a0515e3", \
          "the store is damaged", \
          "The database file is not as it was written: a disk or memory fault, or another program wrote to it. The " \
          "service has stopped, and nothing in the file was changed.", \
          "Look for disk errors with journalctl -k, restore the last backup with closedloopd --restore BACKUP (it keeps " \
          "the damaged file), then start again: what is still in Kafka since then is read again, and the same " \
          "answers open the same cases.") \
        X(STORE_FAILED, ERR, "1dcd5b856fed4edaac4b885a904bbf62", \
          "the disk failed under the store", \
          "A read or a write of the database file was answered with an error. The service has stopped so that " \
          "nothing uncertain goes out.", \
          "Nothing is lost that was committed, and systemd starts it again. Look for disk errors with journalctl " \
          "-k; if it comes back, move the state to another disk.") \
        X(STORE_REFUSED, ERR, "c37b13061fbf47228e2344868bc340e5", \
          "the store cannot be used", \
          "It was written by a newer closedloopd, is somebody else's or open to others, lies on a network file system, " \
          "or does not agree with the configuration; the rest of the line says which.", \
          "Do what the line says: install the newer version again, restore a backup made before the upgrade, mend " \
          "the file's owner and mode, or give the changed policy a new version.") \
        X(STORE_WAITING, ERR, "6a5137d6be964af19871e97bbdcc5aa1", \
          "the store cannot be written to", \
          "Most often the disk is full, or the folder may only be read. Or the file was removed or replaced while the " \
          "service runs. No answer is read meanwhile and none is lost: Kafka keeps them.", \
          "Make room (df -h on the store's folder) or mend the folder's rights. It is tried again every 5 seconds " \
          "and goes on by itself. If the file is gone, do not stop the service before closedloopctl backup FILE has " \
          "saved what it holds; then restore that.") \
        X(STORE_HANGS, ERR, "dba703881dcf4e74a0a73f1f63f7038d", \
          "the store does not answer", \
          "The disk neither does what it was asked nor refuses: a disk that fails, a controller that resets, a volume " \
          "whose other side is gone. Nothing is read or decided meanwhile, and nothing is lost.", \
          "Look at journalctl -k and iostat -x 5. It goes on by itself when the disk does; otherwise the watchdog " \
          "starts the service again after a minute.") \
        X(STORE_LOW, ERR, "b435a9e715b84fe4b44c0772f3e0dac3", \
          "the disk of the store is full", \
          "Another program, or many answers, have filled it. The room that was kept for this hour (store.ballast) is " \
          "in use now: acts, messages and due steps go on for as long as it lasts. No answer is read, and none is " \
          "lost: Kafka keeps them.", \
          "Make room: df -h on the store's folder, twice store.ballast has to be free. It goes on by itself then.") \
        X(STORE_AGAIN, NOTICE, "84dc9f238f9f4284a5c58362c0910d73", \
          "the store can be written to again", \
          "What stopped it is over, and everything that had waited goes on.", \
          "Nothing.") \
        X(STORE_CHECKED, INFO, "b675c3990f444016ba1b7ad0a75449d8", \
          "the store was checked after the start", \
          "Table after table is looked through when there is nothing else to do; damage would have ended the service.", \
          "Nothing.") \
        X(BACKUP_MADE, NOTICE, "7522a31c1a7a4086896400826ebc5a8a", \
          "a backup of the store was made", \
          "Somebody asked for it; the copy was read again as a whole and is good.", \
          "Nothing. Keep it on another disk.") \
        X(BACKUP_FAILED, ERR, "1ba4f619e4d240e6a02a158099ed5bec", \
          "a backup of the store failed", \
          "The file is there already, its folder may not be written to (the unit allows /var/lib/closedloop only), its " \
          "disk is full, or the copy is damaged; the rest of the line says which. The store itself goes on.", \
          "Do what the line suggests and ask again: closedloopctl backup FILE. A copy that is damaged means that the " \
          "store is: look for disk errors with journalctl -k, and restore the last good backup.") \
        /* ---- Kafka */ \
        X(KAFKA_AGAIN, NOTICE, "a852057fcb5640269e72643a15b54f22", \
          "Kafka is well", \
          "It answers and every partition is read, for the first time or again after a fault.", \
          "Nothing. What was written meanwhile is read now.") \
        X(KAFKA_UNREACHABLE, WARNING, "ffb685423dcc440d95d05515780651c0", \
          "Kafka cannot be reached", \
          "No broker answers at the addresses of kafka.brokers: they are down, or a network or firewall is in " \
          "between.", \
          "Ask those who run Kafka; nc -vz HOST PORT from this machine shows whether the way is open. It is tried " \
          "again by itself, and nothing is lost while Kafka keeps its records.") \
        X(KAFKA_DNS, WARNING, "0ff61c33153547b0b6c09cb8412d523c", \
          "the name of a Kafka broker is not known", \
          "DNS has no address for a host of kafka.brokers, or for one that a broker gave as its own.", \
          "getent hosts NAME on this machine shows what it knows. Mend kafka.brokers, DNS, or advertised.listeners " \
          "of the broker.") \
        X(KAFKA_TLS, WARNING, "d090a7b6d0754179acb728f2128a81ca", \
          "TLS with Kafka fails", \
          "The certificate is not trusted, has expired or is for another name, or one side speaks TLS and the " \
          "other does not.", \
          "Look at security.protocol and ssl.ca.location in kafka.properties; openssl s_client -connect HOST:PORT " \
          "shows what the broker presents.") \
        X(KAFKA_AUTH, WARNING, "7ef923711f654d5999f1180d9ed9bbe4", \
          "Kafka refuses the login", \
          "User, password or mechanism of kafka.properties are not what the broker expects. Kafka 3.8.0 and 4.x " \
          "refuse SCRAM from a librdkafka before 2.6.1, such as Debian 12's, though the password is right.", \
          "Check sasl.username, the password's file and sasl.mechanism with those who run Kafka, then restart: " \
          "these are read at the start. In place of SCRAM, PLAIN over TLS will do.") \
        X(KAFKA_ACL, WARNING, "75a2860e5546426caaf4f54128e61d64", \
          "Kafka does not allow this", \
          "The login works, but this user may not read a topic.", \
          "Ask those who run Kafka to allow READ and DESCRIBE on the topic that the line names. It is tried again " \
          "by itself.") \
        X(KAFKA_NO_TOPIC, WARNING, "1a50bc5280b14e91ac367bf2d887e576", \
          "a Kafka topic does not exist", \
          "A source names a topic that the cluster does not have: not yet, not any more, or misspelt.", \
          "Compare the topic of sources.d with what the cluster has. When it appears it is read from where the " \
          "source's start says.") \
        X(KAFKA_OFFSET_GONE, ERR, "fb4bd9f531d84418aec647e344603a7d", \
          "a place in Kafka is gone", \
          "The record that would be read next is not in the log any more: it expired while nobody read, or the " \
          "topic was made anew.", \
          "Ask those who run Kafka what happened to the topic; closedloopctl status names the partition. Longer " \
          "retention prevents it.") \
        X(KAFKA_TOPIC_REPLACED, ERR, "65df521fbfea4b5eb41891e81b28339b", \
          "a Kafka topic is not the one that was read before", \
          "Where the last record was that has been read, there is another one now, or none: the topic was deleted and " \
          "made anew, or it has lost records. Its offsets mean other records, so the partition stands still.", \
          "Ask those who run Kafka what happened to the topic. Then say for each partition where to go on: " \
          "closedloopctl partition TOPIC PARTITION --from beginning. What was read before is known by its id and is " \
          "not told twice.") \
        X(KAFKA_OTHER_CLUSTER, ERR, "14bfec6d1d4444b5b203ff3963e059ca", \
          "this is another Kafka cluster", \
          "The brokers of kafka.brokers belong to another cluster than the one whose offsets are in the store. Nothing " \
          "is read of it.", \
          "Mend kafka.brokers if that is a mistake. If the cluster was replaced: closedloopctl cluster accept, then " \
          "closedloopctl status shows which partitions want to be told where to go on.") \
        X(KAFKA_STUCK, WARNING, "e439e3be1b6b4e43af3c124a9ef12957", \
          "a Kafka partition stands still", \
          "Records wait in it, but the Kafka client brings none and tells no error: a fault of the client, or of " \
          "something between it and the broker that swallows its requests.", \
          "It is assigned again by itself, then the client is made anew. If it lasts for minutes, systemctl restart " \
          "closedloopd, and report it with what closedloopctl status says of the partition.") \
        X(KAFKA_UNREADABLE, ERR, "6cbf7234330744ec8b5a83ae856aa89f", \
          "a Kafka partition cannot be read", \
          "What the broker hands out has a wrong checksum or is too large for any client.", \
          "It is tried again by itself. Ask those who run Kafka to look at that partition; other partitions are " \
          "read meanwhile.") \
        X(KAFKA_RESTART_FAILED, ERR, "b95c31e050084f86be1b546af4306581", \
          "reading from Kafka could not be started again", \
          "The Kafka client refused to begin anew, most often for lack of memory or file descriptors.", \
          "systemctl restart closedloopd. If it comes back, report it with the lines before this one.") \
        X(PARTITION_REFUSED, ERR, "a48cc120bcf54420b84ead6271f72721", \
          "a partition could not be assigned", \
          "The Kafka client refused to read one partition.", \
          "It is tried again by itself; if closedloopctl status still shows the partition standing, systemctl " \
          "restart closedloopd.") \
        X(GAP, ERR, "3a65839e46424bdc9d81006c7da14241", \
          "records expired before they were read", \
          "Kafka keeps records for a time only, and the service was away or behind for longer. What they said is lost; " \
          "operators were told, and reading went on behind them.", \
          "Ask those who run Kafka for a longer retention of the topic. v_gap in a copy of the store lists every gap.") \
        X(PARTITION_PLACED, NOTICE, "4dca1ba360934c03bf3e977297379a2e", \
          "an operator has moved a partition", \
          "Somebody used closedloopctl partition.", \
          "Nothing.") \
        X(ANCHOR_UNVERIFIED, INFO, "c129f04aa1144155a06acd96cf803381", \
          "it cannot be checked whether a topic is still the same", \
          "The last record that was read is not in the log any more: it has expired, or compaction took it away. " \
          "Reading goes on.", \
          "Nothing.") \
        X(PARTITION_NEW, INFO, "866fb74774cb458db0ca580a7d77ffc5", \
          "a partition is read for the first time", \
          "A topic is new here, or it was given more partitions.", \
          "Nothing. The line says from which offset it is read, as the source's start asks.") \
        X(OFFSET_CONFLICT, WARNING, "99d8f4aeb66b478a870b014b1adebe8c", \
          "somebody else has moved an offset", \
          "Another instance uses the same database, or somebody changed the offsets by hand. What was read is " \
          "dropped and read again from where the database stands.", \
          "Once, after a change by hand, nothing. If it comes again, two instances work on one store: stop one.") \
        X(DIED_OF_RECORD, ERR, "023b4f5711584ccea8a14b188329919a", \
          "the process died while it judged a record", \
          "It was ended, by a fault of its own, by the kernel for memory, or by the watchdog, and this record was being " \
          "judged at that moment. If it happens with the same record again, that record is set aside unparsed.", \
          "Look at the log before this line, and report it with the record. A record that was set aside for this has the " \
          "reason \"poison\" in closedloopctl dead-letters; after an upgrade, closedloopctl replay NUMBER tries it again.") \
        X(DEAD_LETTERS_DROPPED, WARNING, "9237a29fdad840a4b03467a45b3d6943", \
          "records that could not be read were dropped from the store", \
          "There are more of them than store.dead_letters has room for, and no dead-letter topic has taken the oldest. " \
          "Their rows stay, with place and reason; Kafka has the records as long as its retention says.", \
          "closedloopctl dead-letters shows why they cannot be read. Mend that, set kafka.dead_letters to a topic, or " \
          "give store.dead_letters more room.") \
        X(DEAD_LETTERS_FULL, ERR, "8eff21ef96af4e84a0ebdade5320bacd", \
          "there is no room for records that cannot be read, reading pauses", \
          "No dead-letter topic takes them, store.dead_letters is full, and store.dead_letters_full is \"pause\".", \
          "Mend the dead-letter topic, or give store.dead_letters more room and reload. What could be read after all: " \
          "closedloopctl replay.") \
        X(DEAD_LETTERS_ROOM, NOTICE, "17223f72fe4645e4b9b26d187351800b", \
          "there is room again for records that cannot be read", \
          "The dead-letter topic has taken some, or store.dead_letters was given more room.", \
          "Nothing. Reading goes on.") \
        X(RECORD_SET_ASIDE, WARNING, "7fd629972a6b4c3ba91ea28b74400dbd", \
          "a record could not be read and was set aside", \
          "It is no survey answer as its source describes them: not JSON, not UTF-8, too large, empty, or without " \
          "the id that the source names.", \
          "closedloopctl dead-letters shows it with the reason. If many come, compare sources.d with what is " \
          "really sent: closedloopctl map test SOURCE FILE.") \
        /* ---- messages to people */ \
        X(DELIVERY_FAILED, WARNING, "4ae85d6633484a9d894903b9beb0319a", \
          "a message could not be delivered", \
          "The receiver or the way to it does not work at the moment. It is tried again, and after the channel's " \
          "patience the next channel of that person is used.", \
          "If it goes on: closedloopctl status shows which channel fails and since when, closedloopctl notify test " \
          "CHANNEL PERSON what the receiver says.") \
        X(DELIVERY_REFUSED, WARNING, "28ce9304556943d18b2c6e6a3ef2fd2e", \
          "a message was refused for good", \
          "The receiver does not want this message, whenever it is sent: a wrong address, a login that is refused, " \
          "a form it does not accept. The person's next channel is used at once.", \
          "The line says what the receiver answered. Mend the channel or the person's address, closedloopctl " \
          "reload, then closedloopctl retry DELIVERY if it is still of use.") \
        X(CHANNEL_WORKS, NOTICE, "8fc5b51d4d0748f1931295d6965eac72", \
          "a channel works again", \
          "Its receiver has taken a message after it had failed several times.", \
          "Nothing. What had waited for it goes out now, as fast as the receiver takes it.") \
        X(CHANNEL_GONE, ERR, "7c186d84cb274bd48e275e4c38c84db0", \
          "a receiver is gone", \
          "It answered 404 or 410: the webhook was deleted or revoked. Or the mail server knows no such mailbox " \
          "(5.1.1). The channel is not used for this person any more; their next one is.", \
          "Make a new webhook with the receiver and put its URL into the channel's file, or mend the address in " \
          "people.csv; then closedloopctl reload: that enables the channel again.") \
        X(DEAD_LETTER_KEPT, WARNING, "bcebc0e6035d4ddebedfb3cf8ab8efda", \
          "a dead letter stays in the store", \
          "The broker will never take this record: it is larger than the topic allows, or its headers are not " \
          "ours.", \
          "Nothing is lost: closedloopctl dead-letters shows it. Allow larger records on the topic " \
          "(max.message.bytes) if they are to be there.") \
        X(DEAD_LETTERS_WAIT, WARNING, "e56455e72f7441e88b5941650dfd17a5", \
          "dead letters cannot be written to their topic", \
          "The topic of kafka.dead_letters does not exist, may not be written to, or no broker answers.", \
          "Make the topic or allow WRITE on it. They are kept in the store and tried again each minute.")
