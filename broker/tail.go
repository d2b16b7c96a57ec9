package broker

import (
	"errors"
	"os"
	"path/filepath"
)

// What the journal holds of a stream, the stream's own files need not: after a power cut they may end anywhere
// behind what was synced, or hold what was never written there. Then they are cut off where the journal begins,
// and a start gives them the rest again.

// mayTrust reports whether an index that says of blocks what they hold says so only of what is synced; the last
// of them is read.
func (p *proof) mayTrust(blocks []indexed) bool {
	return len(p.journaled) == 0 || len(blocks) == 0 || blocks[len(blocks)-1].last < p.journaled[0].seq
}

// cutTail cuts a damaged log off behind what is synced, if nothing is missing there. Else the damage stays as it
// was found.
func (p *proof) cutTail() error {
	first, end := &p.journaled[0], &p.journaled[len(p.journaled)-1]
	if p.want.LastSeq > end.seq || p.floor > 1 && first.seq <= p.floor {
		return nil
	}
	was := *p
	p.deep, p.want = true, PartitionState{}
	if first.seq > 1 {
		p.want = PartitionState{first.seq - 1, first.base, first.before}
	}
	p.reset(p.floor, p.base)
	if err := p.readBlocks(p.files); err != nil {
		return err
	}
	number, size := 0, 0 // where the synced part ends
	for _, r := range p.records {
		if r.seq < first.seq {
			number, size = r.block, r.end
		}
	}
	if !p.wholeTo(first.seq, number, size) {
		want := p.want
		*p = was
		p.want = want
		p.reset(p.floor, p.base)
		return p.readBlocks(p.files)
	}
	records := p.records
	p.reset(first.seq, first.base)
	p.deep, p.chain = was.deep, first.before
	for len(records) > 0 && records[len(records)-1].seq >= first.seq {
		records = records[:len(records)-1]
	}
	if p.deep {
		p.records = records
	}
	return p.cutAt(number, int64(size))
}

// wholeTo reports whether nothing is missing before a message, and nothing else lies before the place where that
// one begins.
func (p *proof) wholeTo(seq uint64, number, size int) bool {
	for _, g := range p.gaps {
		if g.from < seq {
			return false
		}
	}
	for n, holes := range p.holes {
		if n < number || n == number && holes[0].at < size {
			return false
		}
	}
	return true
}

// cutAt cuts a block and removes those behind it, and what tells of them.
func (p *proof) cutAt(number int, size int64) error {
	dir := filepath.Join(p.folder, streamBlocks)
	errs := []error{os.RemoveAll(p.indexPath()), os.RemoveAll(filepath.Join(p.known, knownIndex))}
	for _, f := range p.files {
		switch {
		case f.number > number:
			errs = append(errs, os.Remove(f.path))
		case f.number == number && f.size > size:
			errs = append(errs, os.Truncate(f.path, size), syncPath(f.path))
		}
	}
	var err error
	if exists(dir) {
		err = syncFolder(dir)
	}
	if err = errors.Join(append(errs, err)...); err == nil {
		p.files, err = blockFiles(p.folder)
	}
	return err
}
