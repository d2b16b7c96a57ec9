package file

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
)

// A survey is what kcat's lines name: topics, and how far their partitions go.
type survey struct {
	headers bool // they are wanted, and damage of theirs counts
	topics  []surveyed
	at      int // the topic of the last line
}

type surveyed struct {
	name string
	ends []int64
}

// surveyAll reads the kcat files before they are used: how many partitions they name, where they end, and
// which of their topics is meant. Damage anywhere in a file is found here, before anything runs. What comes
// from standard input is looked at as it comes.
func (s *Source) surveyAll() error {
	v := survey{headers: s.cfg.Headers}
	all := true
	for i := range s.pieces {
		f := &s.pieces[i]
		if f.form != kcat || f.isLive() {
			all = false
			continue
		}
		in, err := s.open(f, nil)
		if err != nil {
			return err
		}
		err = v.read(newLines(in, nil))
		in.Close()
		if err != nil {
			return f.fault(err)
		}
	}
	if len(v.topics) == 0 {
		return nil
	}
	chosen, err := v.choose(s.cfg.Topic)
	if err != nil {
		return s.pieces[0].fault(err)
	}
	if len(v.topics) > 1 {
		s.topic = []byte(chosen.name)
	}
	s.partitions = max(s.partitions, len(chosen.ends))
	for len(chosen.ends) < s.partitions {
		chosen.ends = append(chosen.ends, 0)
	}
	if all {
		s.ends = chosen.ends
	}
	return nil
}

// read takes the lines of a file in.
func (v *survey) read(l *lines) error {
	var k kcatLine
	var scratch []byte
	for {
		line, err := l.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if blank(line) {
			continue
		}
		if err = k.parse(line); err == nil {
			scratch, err = k.payload.append(scratch[:0], "payload")
		}
		if err == nil {
			scratch, err = k.key.append(scratch[:0], "key")
		}
		if err == nil && v.headers {
			scratch, err = k.appendHeaders(scratch[:0])
		}
		if err != nil {
			return fmt.Errorf("line %d is no line of kcat -J as the others are: %w", l.number, err)
		}
		t := v.topic(k.topic)
		for len(t.ends) <= int(k.partition) {
			t.ends = append(t.ends, 0)
		}
		if k.offset < t.ends[k.partition] {
			return fmt.Errorf("line %d: offset %d of partition %d comes behind offset %d: want them in order", l.number, k.offset, k.partition, t.ends[k.partition]-1)
		}
		t.ends[k.partition] = k.offset + 1
	}
}

// topic finds or begins a topic.
func (v *survey) topic(name []byte) *surveyed {
	if v.at >= len(v.topics) || v.topics[v.at].name != string(name) {
		for v.at = 0; v.at < len(v.topics) && v.topics[v.at].name != string(name); v.at++ {
		}
		if v.at == len(v.topics) {
			v.topics = append(v.topics, surveyed{name: string(name)})
		}
	}
	return &v.topics[v.at]
}

// choose returns the only topic, or of several the one of that name.
func (v *survey) choose(name string) (*surveyed, error) {
	if len(v.topics) == 1 {
		return &v.topics[0], nil
	}
	names := make([]string, len(v.topics))
	for i := range v.topics {
		if names[i] = v.topics[i].name; names[i] == name {
			return &v.topics[i], nil
		}
	}
	return nil, fmt.Errorf("it holds records of %d topics (%s), none of them %q: name one of these", len(names), strings.Join(names, ", "), name)
}

// readKcat takes the records as the lines name them.
func (p *pass) readKcat(l *lines, f *piece) error {
	var k kcatLine
	var key []byte
	only := p.src.topic // of standard input: that of its first line
	for {
		line, err := l.next()
		if err != nil {
			return err
		}
		if blank(line) {
			continue
		}
		if err := k.parse(line); err != nil {
			return fmt.Errorf("line %d is no line of kcat -J as the others are: %w", l.number, err)
		}
		if f.isLive() && only == nil {
			only = bytes.Clone(k.topic)
		}
		if only != nil && !bytes.Equal(k.topic, only) {
			if f.isLive() && string(only) != p.src.cfg.Topic {
				return fmt.Errorf("line %d is of topic %s, and line 1 of %s: name the one that is meant by the topic's own name", l.number, k.topic, only)
			}
			continue
		}
		to, err := p.kcatLane(&k, f)
		if err != nil {
			return fmt.Errorf("line %d: %w", l.number, err)
		}
		if to.gone {
			to.next++
			continue
		}
		if key, err = p.addKcat(to, &k, key); err != nil {
			return fmt.Errorf("line %d: %w", l.number, err)
		}
	}
}

// kcatLane is the lane that a line names, ready to take its record.
func (p *pass) kcatLane(k *kcatLine, f *piece) (*lane, error) {
	if n := int(k.partition) + 1; n > len(p.lanes) {
		if !f.isLive() {
			return nil, fmt.Errorf("partition %d: the file has changed since it was opened", k.partition)
		}
		if err := p.src.growTo(p, n); err != nil {
			return nil, err
		}
	}
	to := p.lanes[k.partition]
	if k.offset < to.next {
		return nil, fmt.Errorf("offset %d of partition %d comes behind offset %d: want them in order", k.offset, k.partition, to.next-1)
	}
	to.next = k.offset
	return to, nil
}

// growTo makes room for more partitions than the topic had.
func (s *Source) growTo(p *pass, partitions int) error {
	had, _ := s.Partitions(context.Background())
	if s.cfg.Grow == nil {
		return fmt.Errorf("it is of partition %d, and the topic has %d: give it more, or put the lines into a file", partitions-1, had)
	}
	p.grow(partitions)
	s.mu.Lock()
	s.partitions = partitions
	s.mu.Unlock()
	return s.cfg.Grow(partitions)
}
