package harness

import (
	"os"
	"strings"
)

// The environment variables that name real servers.
const (
	envKafka = "NAGARE_TEST_KAFKA"
	envRedis = "NAGARE_TEST_REDIS"
)

// FromEnv runs the pipeline on the servers that NAGARE_TEST_KAFKA (host:port, several with commas) and
// NAGARE_TEST_REDIS (host:port) name, and embedded where neither is set.
func FromEnv() Option {
	return func(c *config) {
		var named []string
		for _, name := range []string{envKafka, envRedis} {
			if os.Getenv(name) != "" {
				named = append(named, name)
			}
		}
		if len(named) > 0 { // here the addresses go into the stack's configuration once it takes them
			c.fault = "set up the pipeline: " + strings.Join(named, " and ") + " asks for real servers, which this version of the harness does not reach; unset it to run embedded"
		}
	}
}
