// Package store keeps checkpoints and state in one bbolt file, and is the lock of a data folder.
//
// Four nouns: the Store, which is open in one process at a time; the Checkpoint, of which it holds
// the newest; the operator, whose entries lie in a bucket of its own; and the owner, a small file
// beside it that says who has it open. The file's lock is the truth, the owner file information.
//
//	meta        format, version, epoch, checkpoint
//	op:NAME     one bucket per operator: key → value
//
// A commit is one transaction: every change of a Delta and the checkpoint that belongs to it, or
// nothing. An error of a commit is final for the Store: it is never tried again, because after a
// sync that went wrong nobody knows what is on the disk. Open the file again to go on.
//
// Keys as they lie in a bucket (bbolt allows neither an empty key nor one above 32 KiB):
//
//	short  | 0x01 | key ............ |                    up to maxShortKey bytes
//	long   | 0x01 | first 32,000 bytes | SHA-256 of key |  value = length of key, key, value
//
// Behind each value stands a checksum, and beside the checkpoint what each operator holds (see entry.go):
// every start reads the whole file (verify.go), so that no flipped bit becomes a wrong sum.
//
// Memory is the same port without a disk, for runs that are to leave nothing behind.
package store
