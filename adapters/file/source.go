package file

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/record"
)

// Config names a file and says how it becomes a topic.
type Config struct {
	Path  string   // "-": standard input
	More  []string // files that are read behind it, in that order, as one topic
	Topic string   // which records to take from a kcat file that holds several topics
	// Partitions of the topic; 0: 1. A kcat file may name more.
	Partitions int
	// KeyField is the top-level field whose text is the key of a record; of a repeated name the
	// first one. "": records have no key. A record without a key lies in the partition that its
	// number in the file, from 0, gives modulo Partitions. Kcat files have keys of their own.
	KeyField string
	Headers  bool  // those of a kcat file are wanted
	Now      int64 // append time of records that have none of their own, microseconds since 1970
	// Progress, if set, is called by the goroutine that reads for the Readers with the bytes of the file that are
	// read and all of them (0 for standard input).
	Progress func(done, total int64)
	Stdin    io.Reader // what "-" reads; nil: os.Stdin
	// Fields is the fields that are read of the topic's JSON values, and how a cell of a CSV file becomes one;
	// nil: not known.
	Fields map[string]*codec.CSVCell
	// Spool is a folder into which lines of kcat -J on standard input are copied before they are read, so that
	// their partitions are known as those of a file are. "": they are read as they come.
	Spool string
	// Grow is called by the goroutine that reads when such a line names a partition that the topic does not
	// have yet; the partitions can be opened from then on. nil: the line is an error.
	Grow func(partitions int) error
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

// A Source is a file, or several, as a topic. Offsets count the records of a partition from 0, or are those
// of the kcat file. It is safe for concurrent use; its Readers are not.
type Source struct {
	cfg        Config
	pieces     []piece
	stdin      io.Reader // what is left to read of standard input
	partitions int
	topic      []byte // of kcat files with several: the one to take; nil: all lines
	notices    []string

	counting chan struct{} // full while somebody counts

	mu     sync.Mutex
	shared *pass
	ends   []int64 // behind the last record of each partition; nil: not known
}

// A piece is one of a source's files.
type piece struct {
	path       string // "-": standard input
	spooled    string // the file that standard input was copied to; "": none
	form       form
	compressed bool
	size       int64
}

// Open looks at the files, without reading all of them unless they are of kcat's form, which names its
// partitions line by line. It fails if a file cannot be opened, or its form or shape is none of a topic's.
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
	s := &Source{cfg: cfg, stdin: cfg.Stdin, partitions: cfg.Partitions, counting: make(chan struct{}, 1)}
	for _, path := range append([]string{cfg.Path}, cfg.More...) {
		f := piece{path: path}
		if path != "-" {
			var err error
			if f.form, f.compressed, err = formOf(path); err != nil {
				return nil, err
			}
		}
		s.pieces = append(s.pieces, f)
	}
	for i := range s.pieces {
		if err := s.inspect(&s.pieces[i]); err != nil {
			return nil, err
		}
	}
	return s, s.surveyAll()
}

// Notices is what is worth knowing of files that can be read.
func (s *Source) Notices() []string { return s.notices }

// formOf tells a file's form by its name.
func formOf(path string) (is form, compressed bool, err error) {
	name, gz := strings.CutSuffix(strings.ToLower(path), ".gz")
	switch {
	case strings.HasSuffix(name, ".ndjson"), strings.HasSuffix(name, ".jsonl"):
		return ndjson, gz, nil
	case strings.HasSuffix(name, ".csv"):
		return csv, gz, nil
	}
	if _, err := os.Stat(path); err != nil {
		return ndjson, gz, openFault(path, err)
	}
	return ndjson, gz, fmt.Errorf("read %s as a topic: form not known: want a name that ends in .ndjson, .jsonl or .csv, or one of these and .gz", path)
}

// inspect looks at the start of a file: its shape, its header, and whether its lines are those of kcat.
func (s *Source) inspect(f *piece) error {
	in, err := s.open(f, nil)
	if err != nil {
		return err
	}
	defer in.Close()
	h, err := readHead(in)
	if err != nil {
		return f.fault(err)
	}
	rest := io.MultiReader(bytes.NewReader(h.text), in)
	if f.path == "-" {
		s.stdin = io.MultiReader(bytes.NewReader(h.text), s.stdin)
	}
	line, _, _ := h.firstLine()
	if err := h.judgeBytes(); err != nil {
		return f.fault(err)
	}
	switch {
	case len(line) == 0 && h.whole:
		s.notices = append(s.notices, fmt.Sprintf("%s is empty: no records", f.path))
	case f.form == csv:
		c, err := readHeader(newLines(rest, nil), s.cfg.Fields)
		if err != nil {
			return f.fault(err)
		}
		if text := c.missing(s.cfg.Fields); text != "" {
			s.notices = append(s.notices, f.path+" "+text)
		}
	case looksLikeKcat(line):
		f.form = kcat
		if f.path == "-" && s.cfg.Spool != "" {
			return f.fault(s.spool(f))
		}
	default:
		return f.fault(h.judgeJSON(s.cfg.Fields))
	}
	return nil
}

// spool copies standard input into a file.
func (s *Source) spool(f *piece) error {
	to, err := os.CreateTemp(s.cfg.Spool, "stdin-*.ndjson")
	if err != nil {
		return err
	}
	_, err = io.Copy(to, s.stdin)
	f.spooled = to.Name()
	return errors.Join(err, to.Close())
}

// live reports that records come from standard input, which can be read once.
func (s *Source) live() bool {
	return slices.ContainsFunc(s.pieces, func(f piece) bool { return f.isLive() })
}

func (f *piece) isLive() bool { return f.path == "-" && f.spooled == "" }

// fault says which file an error is of.
func (f *piece) fault(err error) error {
	if err == nil {
		return nil
	}
	name := f.path
	if name == "-" {
		name = "standard input"
	}
	if errors.Is(err, gzip.ErrHeader) {
		return fmt.Errorf("read %s: it is not compressed by gzip, as its name says: take .gz off the name; %w", name, err)
	}
	if errors.Is(err, gzip.ErrChecksum) || (f.compressed && errors.Is(err, io.ErrUnexpectedEOF)) {
		return fmt.Errorf("read %s: compressed data is damaged or cut off: %w; test it with gzip -t", name, err)
	}
	return fmt.Errorf("read %s: %w", name, err)
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

// open opens a file and tells progress, unless that is nil, how far the reading is.
func (s *Source) open(f *piece, progress func(done, total int64)) (*input, error) {
	if f.isLive() {
		return &input{Reader: &metered{r: s.stdin, progress: progress}}, nil
	}
	path := cmp.Or(f.spooled, f.path)
	file, err := os.Open(path)
	if err != nil {
		return nil, openFault(path, err)
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("it is a folder: name a file in it")
	}
	if err != nil {
		file.Close()
		return nil, f.fault(err)
	}
	f.size = info.Size()
	m := &metered{r: file, progress: progress}
	for i := range s.pieces {
		if m.total += s.pieces[i].size; &s.pieces[i] == f {
			m.done = m.total - f.size
		}
	}
	in := &input{Reader: m, file: file}
	if f.compressed && f.size > 0 {
		z, err := gzip.NewReader(in.Reader)
		if err != nil {
			file.Close()
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, f.fault(err)
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
func (s *Source) Partitions(context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.partitions, nil
}

// End returns the position behind the last record of a partition. For files that are not of kcat's
// form the first call reads the file; for standard input it fails until all has been read.
func (s *Source) End(ctx context.Context, partition int32) (record.Position, error) {
	if err := s.check(partition); err != nil {
		return record.Position{}, err
	}
	select { // one counts, the others wait for it
	case s.counting <- struct{}{}:
		defer func() { <-s.counting }()
	case <-ctx.Done():
		return record.Position{}, ctx.Err()
	}
	s.mu.Lock()
	ends := s.ends
	s.mu.Unlock()
	if ends == nil {
		var err error
		if ends, err = s.count(ctx); err != nil {
			return record.Position{}, err
		}
	}
	return record.Position{Offset: ends[partition]}, nil
}

// count reads the file to find where the partitions end.
func (s *Source) count(ctx context.Context) ([]int64, error) {
	if s.live() {
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
	if n, _ := s.Partitions(context.Background()); partition < 0 || int(partition) >= n {
		return fmt.Errorf("read %s: partition %d: it has 0 to %d", s.cfg.Path, partition, n-1)
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
