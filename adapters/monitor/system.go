package monitor

import (
	"encoding/json"
	"time"
)

// SystemRecord is a record of topic system-metrics. What could not be read is null.
type SystemRecord struct {
	ID                string    `json:"id"` // of the project
	Timestamp         string    `json:"timestamp"`
	Host              string    `json:"host"`
	Container         bool      `json:"container"`
	CPUPercent        *float64  `json:"cpu_percent"`
	CPUCores          *float64  `json:"cpu_cores"`
	MemoryPercent     *float64  `json:"memory_percent"`
	MemoryAvailableGB *float64  `json:"memory_available_gb"`
	MemoryTotalGB     *float64  `json:"memory_total_gb"`
	DiskPercent       *float64  `json:"disk_percent"`
	DiskFreeGB        *float64  `json:"disk_free_gb"`
	DiskTotalGB       *float64  `json:"disk_total_gb"`
	DiskPath          *string   `json:"disk_path"`
	Load1             *float64  `json:"load_1"`
	Load5             *float64  `json:"load_5"`
	Load15            *float64  `json:"load_15"`
	ProcessCPUPercent *float64  `json:"process_cpu_percent"`
	ProcessMemoryGB   *float64  `json:"process_memory_gb"`
	ProcessOpenFiles  *int32    `json:"process_open_files"`
	Failed            []Failure `json:"failed"`
}

// gib is what a gigabyte is in the records, as in the tutorial's.
const gib = 1 << 30

// Record is a reading as topic system-metrics has it.
func (r *Reading) Record() SystemRecord {
	rec := SystemRecord{Timestamp: stamp(r.At), Host: r.Host, Container: r.Container, Failed: r.Failed}
	if rec.Failed == nil {
		rec.Failed = []Failure{}
	}
	if c := r.CPU; c != nil {
		rec.CPUPercent, rec.CPUCores = rounded(c.Percent, 100), rounded(c.Cores, 1000)
	}
	if m := r.Memory; m != nil {
		rec.MemoryPercent = rounded(m.Percent(), 100)
		rec.MemoryAvailableGB, rec.MemoryTotalGB = rounded(float64(m.Available)/gib, 1000), rounded(float64(m.Total)/gib, 1000)
	}
	if d := r.Disk; d != nil {
		rec.DiskPercent, rec.DiskPath = rounded(d.Percent, 100), &d.Path
		rec.DiskFreeGB, rec.DiskTotalGB = rounded(float64(d.Free)/gib, 1000), rounded(float64(d.Total)/gib, 1000)
	}
	if l := r.Load; l != nil {
		rec.Load1, rec.Load5, rec.Load15 = &l.One, &l.Five, &l.Fifteen
	}
	if p := r.Process; p != nil {
		rec.ProcessCPUPercent, rec.ProcessMemoryGB = rounded(p.Percent, 100), rounded(float64(p.Memory)/gib, 10000)
		rec.ProcessOpenFiles = &p.OpenFiles
	}
	return rec
}

// record is a reading as the process of a project writes it, as JSON.
func (r *Reading) record(project string) []byte {
	rec := r.Record()
	rec.ID = project
	text, err := json.Marshal(rec)
	if err != nil {
		panic("BUG: a reading is no JSON: " + err.Error())
	}
	return text
}

// rounded leaves so many parts of a whole.
func rounded(x, parts float64) *float64 {
	x = float64(int64(x*parts+0.5)) / parts
	return &x
}

// stamp is a time as Spark's progress has it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
