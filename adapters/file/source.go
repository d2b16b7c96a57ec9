package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/nagare-stream/nagare/engine"
)

// Config names a file and says how it becomes a topic.
type Config struct {
	Path  string // "-": standard input
	Topic string // which records to take from a kcat file that holds several topics
	// Partitions of the topic; 0: 1. A kcat file may name more.
	Partitions int
	// KeyField is the top-level field whose text is the key of a record; of a repeated name the
	// first one. "": records have no key. A record without a key lies in the partition that its
	// number in the file, from 0, gives modulo Partitions. Kcat files have keys of their own.
	KeyField string
	Now      int64 // append time of records that have none of their own, microseconds since 1970
	// Progress, if set, is called by the goroutine that reads for the Readers with the bytes of the file that are
	// read and all of them (0 for standard input).
	Progress func(done, total int64)
	Stdin    io.Reader // what "-" reads; nil: os.Stdin
}

// maxLine is the longest line or CSV row that is read. The engine takes far less; a longer record
// than it takes is passed on, to be kept as invalid.
const maxLine = 64 << 20

type form uint8

const (
	ndjson form = iota
	csv
	kcat
)

// A Source is a file as a topic. Offsets count the records of a partition from 0, or are those of
// the kcat file. It is safe for concurrent use; its Readers are not.
type Source struct {
	cfg        Config
	form       form
	compressed bool
	partitions int
	topic      []byte // of a kcat file with several: the one to take; nil: all lines

	counting chan struct{} // full while somebody counts

	mu     sync.Mutex
	shared *pass
	ends   []int64 // behind the last record of each partition; nil: not known
}

// Open looks at the file, without reading all of it unless it is of kcat's form, which names its
// partitions line by line. It fails if the file cannot be opened or its form is not known.
func Open(cfg Config) (*Source, error) {
	if cfg.Partitions == 0 {
		cfg.Partitions = 1
	}
	if cfg.Partitions < 0 {
		return nil, fmt.Errorf("read %s as a topic: %d partitions: want 1 or more", cfg.Path, cfg.Partitions)
	}
	if cfg.Stdin == nil {
		cfg.Stdin = os.Stdin
	}
	s := &Source{cfg: cfg, partitions: cfg.Partitions, counting: make(chan struct{}, 1)}
	if cfg.Path == "-" {
		return s, nil
	}
	name, gz := strings.CutSuffix(strings.ToLower(cfg.Path), ".gz")
	s.compressed = gz
	switch {
	case strings.HasSuffix(name, ".ndjson"), strings.HasSuffix(name, ".jsonl"):
		s.form = ndjson
	case strings.HasSuffix(name, ".csv"):
		s.form = csv
	default:
		if _, err := os.Stat(cfg.Path); err != nil {
			return nil, openFault(cfg.Path, err)
		}
		return nil, fmt.Errorf("read %s as a topic: form not known: want a name that ends in .ndjson, .jsonl or .csv, or one of these and .gz", cfg.Path)
	}
	if err := s.inspect(); err != nil {
		return nil, err
	}
	return s, nil
}

// inspect tells kcat's lines from others and, for them, finds partitions, topic and ends.
func (s *Source) inspect() error {
	in, err := s.open(nil)
	if err != nil {
		return err
	}
	defer in.Close()
	l := newLines(in, nil)
	if s.form == csv {
		_, err := readHeader(l)
		return s.fault(err)
	}
	for {
		line, err := l.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return s.fault(err)
		}
		if !blank(line) {
			if !looksLikeKcat(line) {
				return nil
			}
			break
		}
	}
	s.form = kcat
	again, err := s.open(nil)
	if err != nil {
		return err
	}
	defer again.Close()
	return s.fault(s.survey(newLines(again, nil)))
}

// fault says which file an error is of.
func (s *Source) fault(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || (s.compressed && errors.Is(err, io.ErrUnexpectedEOF)) {
		return fmt.Errorf("read %s: compressed data is damaged or cut off: %w; test it with gzip -t", s.cfg.Path, err)
	}
	return fmt.Errorf("read %s: %w", s.cfg.Path, err)
}

// input is an open file, unpacked and counted.
type input struct {
	io.Reader
	file *os.File // nil: standard input
}

func (in *input) Close() error {
	if in.file == nil {
		return nil
	}
	return in.file.Close()
}

// open opens the file and tells progress, unless that is nil, how far the reading is.
func (s *Source) open(progress func(done, total int64)) (*input, error) {
	if s.cfg.Path == "-" {
		return &input{Reader: &metered{r: s.cfg.Stdin, progress: progress}}, nil
	}
	f, err := os.Open(s.cfg.Path)
	if err != nil {
		return nil, openFault(s.cfg.Path, err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("it is a folder: name a file in it")
	}
	if err != nil {
		f.Close()
		return nil, s.fault(err)
	}
	in := &input{Reader: &metered{r: f, total: info.Size(), progress: progress}, file: f}
	if s.compressed && info.Size() > 0 {
		z, err := gzip.NewReader(in.Reader)
		if err != nil {
			f.Close()
			return nil, s.fault(err)
		}
		in.Reader = z
	}
	return in, nil
}

// metered tells how far the reading is.
type metered struct {
	r           io.Reader
	done, total int64
	progress    func(done, total int64)
}

func (m *metered) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if m.done += int64(n); m.progress != nil && n > 0 {
		m.progress(m.done, max(m.total, 0))
	}
	return n, err
}

// Partitions is Config.Partitions, or more if a kcat file names more.
func (s *Source) Partitions(context.Context) (int, error) { return s.partitions, nil }

// End returns the position behind the last record of a partition. For files that are not of kcat's
// form the first call reads the file; for standard input it fails until all has been read.
func (s *Source) End(ctx context.Context, partition int32) (engine.Position, error) {
	if err := s.check(partition); err != nil {
		return engine.Position{}, err
	}
	select { // one counts, the others wait for it
	case s.counting <- struct{}{}:
		defer func() { <-s.counting }()
	case <-ctx.Done():
		return engine.Position{}, ctx.Err()
	}
	s.mu.Lock()
	ends := s.ends
	s.mu.Unlock()
	if ends == nil {
		var err error
		if ends, err = s.count(ctx); err != nil {
			return engine.Position{}, err
		}
	}
	return engine.Position{Offset: ends[partition]}, nil
}

// count reads the file to find where the partitions end.
func (s *Source) count(ctx context.Context) ([]int64, error) {
	if s.cfg.Path == "-" {
		return nil, fmt.Errorf("find the end of standard input: it is known only when all has been read")
	}
	p := newPass(s)
	p.quiet = true
	for i := range p.lanes {
		p.lanes[i].gone = true
	}
	stop := context.AfterFunc(ctx, p.halt)
	defer stop()
	p.run()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return p.ends(), p.err
}

func (s *Source) check(partition int32) error {
	if partition < 0 || int(partition) >= s.partitions {
		return fmt.Errorf("read %s: partition %d: it has 0 to %d", s.cfg.Path, partition, s.partitions-1)
	}
	return nil
}

// blank reports a line of blanks alone, which is no record.
func blank(line []byte) bool {
	if len(line) > 0 && line[0] > ' ' {
		return false
	}
	return len(bytes.TrimLeft(line, " \t\r")) == 0
}
