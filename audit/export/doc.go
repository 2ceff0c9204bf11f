// Package export writes and opens archives for auditors: a period of a log in one zip file, with all that is needed to verify
// it without the rest of the log and without this program.
//
//	README.txt        what this is, and how to verify it
//	key.txt           public keys that signed, the last one last
//	checkpoint.txt    the signed note of the last record
//	consistency.json  that the log has only grown since; left out when the log ended there
//	verify.py         a verifier that needs Python's standard library only
//	blobs/            the texts of the plans that lines name, as in a log; left out where they name none
//	log/              the lines, in files named by the seq of their first record, as in a log
//
// The log begins with record 1 or with a checkpoint record, whose peaks stand for the records before, and ends with a
// checkpoint record. Bundles of the same log, period and newest checkpoint are equal, byte for byte.
package export
