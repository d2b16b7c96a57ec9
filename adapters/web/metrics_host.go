package web

import (
	"time"

	"github.com/nagare-stream/nagare/adapters/monitor"
)

// health sends for each part 1 for the state that it is in, and 0 for the others.
func (g gatherer) health(all []monitor.Health) {
	for _, h := range all {
		for _, state := range monitor.States {
			is := 0.0
			if state == h.State {
				is = 1
			}
			g.gauge("health", "Whether the part is in the state.", is, "part", h.Part, "state", string(state))
		}
		g.gauge("health_since_timestamp_seconds", "Since when the part has been in its state.", float64(h.Since.UnixMilli())/1e3, "part", h.Part)
	}
}

// machine sends what the machine and the process use. What could not be read is left out, and its collector is down.
func (g gatherer) machine(r *monitor.Reading) {
	if r == nil {
		return
	}
	if c := r.CPU; c != nil {
		g.gauge("host_cpu_usage_ratio", "Part of the CPU that is in use, of the machine or of the container's limit.", c.Percent/100)
		g.gauge("host_cpu_cores", "Cores that the process may use.", c.Cores)
	}
	if m := r.Memory; m != nil {
		g.gauge("host_memory_size_bytes", "Memory of the machine, or the container's limit.", float64(m.Total))
		g.gauge("host_memory_available_bytes", "Memory that can be had without anything being moved out.", float64(m.Available))
		g.gauge("host_memory_usage_ratio", "Part of the memory that is in use.", m.Percent()/100)
	}
	if d := r.Disk; d != nil {
		g.gauge("host_disk_size_bytes", "Size of the disk of the data folder.", float64(d.Total))
		g.gauge("host_disk_free_bytes", "Bytes of the disk of the data folder that are free for this user.", float64(d.Free))
		g.gauge("host_disk_usage_ratio", "Part of the disk of the data folder that is in use.", d.Percent/100)
	}
	if l := r.Load; l != nil {
		for _, avg := range []struct {
			over string
			load float64
		}{{"1m", l.One}, {"5m", l.Five}, {"15m", l.Fifteen}} {
			g.gauge("host_load", "Load average.", avg.load, "over", avg.over)
		}
	}
	for _, name := range monitor.Collectors {
		up := 1.0
		for _, f := range r.Failed {
			if f.Collector == name {
				up = 0
			}
		}
		g.gauge("host_collector_up", "Whether the collector could read what it is for.", up, "collector", name)
	}
	g.gauge("host_read_timestamp_seconds", "When the machine was read.", float64(r.At.UnixMilli())/float64(time.Second/time.Millisecond))
}
