package broker

import (
	"errors"
	"fmt"
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
	if p.want.LastSeq > p.journaled[len(p.journaled)-1].seq {
		return nil
	}
	was := *p
	for _, n := range p.goesOn() {
		if done, err := p.cutBefore(n); done || err != nil {
			return err
		}
		want := p.want
		*p = was
		p.want = want
	}
	p.reset(p.floor, p.base)
	return p.readBlocks(p.files)
}

// goesOn is where in the journal a start may go on. A stream has to keep one message, or the server forgets where it is:
// of what retention has left, all of which may be in the journal, that is the first one; if it is not there, since it was not
// written yet when the rest was to go, one of the rest.
func (p *proof) goesOn() []int {
	first := p.journaled[0].seq
	if p.floor == 1 || first > p.floor {
		return []int{0}
	}
	behind := int(min(p.floor+1-first, uint64(len(p.journaled)))) // the first one that retention has left
	if first == 1 {
		return []int{behind}
	}
	return []int{behind, 0}
}

// cutBefore cuts the log off so that the journal goes on with its message n, if nothing is missing before that.
func (p *proof) cutBefore(n int) (done bool, err error) {
	deep, before := p.deep, PartitionState{}
	if before, err = p.endBefore(n); err != nil {
		return false, err
	}
	seq := before.LastSeq + 1
	p.deep, p.want = true, before
	if p.reset(p.floor, p.base); before.LastSeq > 0 && before.LastSeq < p.floor {
		p.reset(before.LastSeq, -1)
	}
	if err := p.readBlocks(p.files); err != nil {
		return false, err
	}
	number, size := 0, 0 // where the synced part ends
	for _, r := range p.records {
		if r.seq < seq {
			number, size = r.block, r.end
		}
	}
	if !p.wholeTo(seq, number, size) {
		return false, nil
	}
	records := p.records
	p.reset(seq, before.Count)
	p.deep, p.chain = deep, before.Chain
	for len(records) > 0 && records[len(records)-1].seq >= seq {
		records = records[:len(records)-1]
	}
	if p.deep {
		p.records = records
	}
	return true, p.cutAt(number, int64(size))
}

// endBefore is where a log ends before message n of the journal, or behind its last one.
func (p *proof) endBefore(n int) (PartitionState, error) {
	if n < len(p.journaled) {
		e := &p.journaled[n]
		if e.seq == 1 {
			return PartitionState{}, nil
		}
		return PartitionState{e.seq - 1, e.base, e.before}, nil
	}
	e := &p.journaled[len(p.journaled)-1]
	head, err := parseHead(e.frame)
	if err != nil {
		return PartitionState{}, fmt.Errorf("read message %d of the journal: %w", e.seq, err)
	}
	return PartitionState{e.seq, head.next(), head.chain}, nil
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
