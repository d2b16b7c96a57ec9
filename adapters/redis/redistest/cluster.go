package redistest

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// A Cluster is a Redis Cluster of processes on this machine.
type Cluster struct {
	Masters  []*Process // as they were at the start; each owns a third of the slots, or what their number makes of it
	Replicas []*Process // the first of the first master, and so on
}

// nodeTimeout is after how long a silent master is given up by the others.
const nodeTimeout = "1000"

// StartCluster starts a cluster and returns when it serves all slots. With an authority it speaks TLS alone.
func StartCluster(t testing.TB, a *Authority, masters, replicas int, args ...string) *Cluster {
	t.Helper()
	c := &Cluster{}
	for i := range masters + replicas {
		_, bus, _ := net.SplitHostPort(freeAddr(t))
		args := append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", nodeTimeout, "--cluster-port", bus,
			"--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0"}, args...)
		var p *Process
		if a != nil {
			p = StartTLS(t, a, append(args, "--tls-cluster", "yes", "--tls-replication", "yes")...)
		} else {
			p = Start(t, args...)
		}
		p.bus = bus
		if i < masters {
			c.Masters = append(c.Masters, p)
		} else {
			c.Replicas = append(c.Replicas, p)
		}
	}
	const slots = 16384
	first := c.Masters[0]
	for i, p := range c.Masters {
		p.Do("CLUSTER", "ADDSLOTSRANGE", slots*i/masters, slots*(i+1)/masters-1)
		p.Do("CLUSTER", "SET-CONFIG-EPOCH", i+1)
	}
	for _, p := range c.all()[1:] {
		host, port, _ := net.SplitHostPort(p.Addr)
		first.Do("CLUSTER", "MEET", host, port, p.bus)
	}
	for _, p := range c.all() {
		p.await("a cluster of all", func(c *goredis.Client) bool {
			text := c.ClusterInfo(context.Background()).Val()
			return strings.Contains(text, "cluster_state:ok") && strings.Contains(text, fmt.Sprintf("cluster_known_nodes:%d\r", masters+replicas))
		})
	}
	for i, p := range c.Replicas {
		p.Do("CLUSTER", "REPLICATE", c.Masters[i%masters].ID())
		p.Await("a replica that follows", "master_link_status:up")
	}
	return c
}

func (c *Cluster) all() []*Process {
	return append(append([]*Process(nil), c.Masters...), c.Replicas...)
}

// ID is a node's name among the others.
func (p *Process) ID() string {
	p.t.Helper()
	return fmt.Sprint(p.Do("CLUSTER", "MYID"))
}

// Do carries out a command on a server.
func (p *Process) Do(args ...any) any {
	p.t.Helper()
	c := p.Client()
	defer c.Close()
	v, err := c.Do(context.Background(), args...).Result()
	if err != nil {
		p.t.Fatalf("%v on %s: %v", args, p.Addr, err)
	}
	return v
}

// Await waits until a line of the server's account of its replication is there.
func (p *Process) Await(what, line string) {
	p.t.Helper()
	p.await(what, func(c *goredis.Client) bool {
		return strings.Contains(c.Info(context.Background(), "replication").Val(), line)
	})
}

// await asks a server again and again whether something holds.
func (p *Process) await(what string, holds func(*goredis.Client) bool) {
	p.t.Helper()
	c := p.Client()
	defer c.Close()
	for begin := time.Now(); !holds(c); time.Sleep(5 * time.Millisecond) { // a server tells nobody when it has changed
		if time.Since(begin) > deadline {
			p.t.Fatalf("waited %v for %s", deadline, what)
		}
	}
}
