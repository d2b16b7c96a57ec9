//go:build unix

package node_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/record"
)

// A guarded cluster knows its users and what each may do.
type guarded struct {
	hosts string    // for users by name and password, which is "geheim"
	admin []kgo.Opt // of a client that may do everything
}

// guardedUsers are those who have a name and a password.
var guardedUsers = []string{"all", "no-read", "no-write", "no-output-read", "no-id", "no-group", "no-positions", "no-create", "nothing"}

// onEachGuarded runs a test on a cluster in this process and on a real one.
func onEachGuarded(t *testing.T, test func(t *testing.T, g guarded)) {
	t.Run("kfake", func(t *testing.T) {
		opts := []kfake.Opt{kfake.NumBrokers(1), kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "admin", "geheim")}
		for _, u := range guardedUsers {
			opts = append(opts, kfake.User("PLAIN", u, "geheim"))
		}
		c, err := kfake.NewCluster(opts...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		hosts := c.ListenAddrs()[0]
		test(t, guarded{hosts: hosts, admin: []kgo.Opt{kgo.SeedBrokers(hosts), kgo.SASL(plain.Auth{User: "admin", Pass: "geheim"}.AsMechanism())}})
	})
	t.Run("kafka", func(t *testing.T) { test(t, guardedKafka(t)) })
}

// guardedKafka starts a real one.
func guardedKafka(t testing.TB) guarded {
	t.Helper()
	users := ""
	for _, u := range guardedUsers {
		users += " user_" + u + `="geheim"`
	}
	port := freePair(t)
	first, _ := strconv.Atoi(port)
	secured := freePair(t)
	k := ownKafkaAt(t, port, fmt.Sprintf(`listeners=PLAINTEXT://127.0.0.1:%[1]d,CONTROLLER://127.0.0.1:%[2]d,SASL_PLAINTEXT://127.0.0.1:%[3]s
advertised.listeners=PLAINTEXT://127.0.0.1:%[1]d,SASL_PLAINTEXT://127.0.0.1:%[3]s
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN,OAUTHBEARER
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required%[4]s;
listener.name.sasl_plaintext.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS`, first, first+1, secured, users))
	return guarded{hosts: "127.0.0.1:" + secured, admin: []kgo.Opt{kgo.SeedBrokers(k.address)}}
}

// allow gives a user what the pipeline of guardedProject needs to write to a topic, but for some.
func (g guarded) allow(t testing.TB, user, out string, but ...string) {
	t.Helper()
	kc, err := kgo.NewClient(g.admin...)
	if err != nil {
		t.Fatal(err)
	}
	defer kc.Close()
	for _, need := range []string{"Read topic in", "Read topic " + out, "Write topic " + out, "Write id nagare-access-sink-sent", "Read group nagare-access-sink-sent", "Read group nagare-access"} {
		if slices.Contains(but, need) {
			continue
		}
		words := strings.Fields(need)
		b := kadm.NewACLs().Allow("User:" + user).AllowHosts("*").ResourcePatternType(kmsg.ACLResourcePatternTypeLiteral)
		switch words[1] {
		case "topic":
			b = b.Topics(words[2])
		case "id":
			b = b.TransactionalIDs(words[2])
		case "group":
			b = b.Groups(words[2])
		}
		op := kmsg.ACLOperationRead
		if words[0] == "Write" {
			op = kmsg.ACLOperationWrite
		}
		made, err := kadm.NewClient(kc).CreateACLs(context.Background(), b.Operations(op))
		if err != nil || made[0].Err != nil {
			t.Fatal(err, made)
		}
	}
}

// guardedProject copies each value of a topic to another one.
func guardedProject(t testing.TB, out string) string {
	t.Helper()
	return projectFolder(t, `name: access
storage: file:///tmp/nagare/access/storage
database: default
libraries:
  - glob:
      include: transformations/**
configuration:
  source.came.format: kafka
  source.came.option.subscribe: in
  source.came.option.startingOffsets: earliest
  sink.sent.format: kafka
  sink.sent.from: kept_json
  sink.sent.option.topic: `+out+`
`, `CREATE STREAMING TABLE kept AS SELECT CAST(value AS STRING) AS v FROM STREAM came;
CREATE TEMPORARY VIEW kept_json AS SELECT v AS key, to_json(struct(*)) AS value FROM STREAM kept;
`)
}

// clientFile writes the settings of a connection.
func clientFile(t testing.TB, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "client.properties")
	if err := os.WriteFile(path, []byte("security.protocol=SASL_PLAINTEXT\n"+strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestKafkaAccess runs a pipeline as users who lack one thing each. It is refused before it begins, with
// everything that is missing by its name, who lacks it, and the command that allows it.
func TestKafkaAccess(t *testing.T) {
	t.Parallel()
	onEachGuarded(t, func(t *testing.T, g guarded) {
		g.fill(t)
		for _, c := range []struct {
			user, out string
			but       []string
			want      []string // of stderr; none: the pipeline runs
		}{
			{user: "all", out: "out"},
			{"no-read", "out", []string{"Read topic in"}, []string{"user no-read is not allowed Read on topic in; allow it", "--add --allow-principal User:no-read --operation Read --topic in"}},
			{"no-write", "out", []string{"Write topic out"}, []string{"Write on topic out;", "--operation Write --topic out"}},
			{"no-output-read", "out", []string{"Read topic out"}, []string{"Read on topic out;", "--operation Read --topic out"}},
			{"no-id", "out", []string{"Write id nagare-access-sink-sent"}, []string{"Write on transactional id nagare-access-sink-sent;", "--operation Write --transactional-id nagare-access-sink-sent"}},
			{"no-group", "out", []string{"Read group nagare-access-sink-sent"}, []string{"Read on group nagare-access-sink-sent;", "--operation Read --group nagare-access-sink-sent"}},
			{"no-create", "nowhere", nil, []string{"Create on topic nowhere; allow it", "--operation Create --topic nowhere"}},
			{"nothing", "out", []string{"Read topic in", "Read topic out", "Write topic out", "Write id nagare-access-sink-sent", "Read group nagare-access-sink-sent"},
				[]string{"Read on topic in, out; Write on topic out; Write on transactional id nagare-access-sink-sent;"}},
		} {
			t.Run(c.user, func(t *testing.T) {
				g.allow(t, c.user, c.out, c.but...)
				file := clientFile(t, "sasl.mechanism=PLAIN", `sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="`+c.user+`" password="geheim";`)
				p := nagare(t, nil, "run", guardedProject(t, c.out), "--once", "--kafka", g.hosts, "--kafka-config", file, "--data", filepath.Join(t.TempDir(), "data"))
				if len(c.want) > 0 {
					refused(t, p, 4, append(c.want, "use Kafka at "+g.hosts)...)
				} else if p.code != 0 {
					t.Errorf("exit %d; stderr:\n%s", p.code, p.errors)
				}
			})
		}
		t.Run("no-positions", func(t *testing.T) {
			g.allow(t, "no-positions", "out", "Read group nagare-access")
			file := clientFile(t, "sasl.mechanism=PLAIN", `sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="no-positions" password="geheim";`)
			p := nagare(t, nil, "run", guardedProject(t, "out"), "--once", "--kafka", g.hosts, "--kafka-config", file, "--data", filepath.Join(t.TempDir(), "data"))
			if p.code != 0 || strings.Count(p.errors, "cannot see how far it has read") != 1 || !strings.Contains(p.errors, "Read on group nagare-access;") {
				t.Errorf("exit %d; stderr:\n%s", p.code, p.errors)
			}
		})
	})
}

// fill makes the topics and one record.
func (g guarded) fill(t testing.TB) {
	t.Helper()
	c := openKafkaAs(t, g.admin)
	for _, topic := range []string{"in", "out"} {
		if err := c.CreateTopic(context.Background(), broker.TopicConfig{Name: topic, Partitions: 1}); err != nil {
			t.Fatal(err)
		}
	}
	w := c.Writer("in", "test")
	defer w.Close()
	r := &record.Records{Times: []int64{time.Now().UnixMicro()}}
	r.Keys.Append(nil)
	r.Values.Append([]byte("1"))
	if _, err := w.Append(context.Background(), 0, r, -1); err != nil {
		t.Fatal(err)
	}
}

// token is a JSON web token that nobody has signed, as brokers without a validator of their own take it.
func token(subject string, from time.Time) string {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	return part(`{"alg":"none"}`) + "." + part(fmt.Sprintf(`{"sub":%q,"iat":%d,"exp":%d}`, subject, from.Unix(), from.Add(time.Hour).Unix())) + "."
}

// TestKafkaToken runs a pipeline with tokens, right and wrong ones, from a file and from a server.
func TestKafkaToken(t *testing.T) {
	t.Parallel()
	g := guardedKafka(t) // kfake has no OAUTHBEARER
	g.fill(t)
	g.allow(t, "bearer", "out")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		if id != "me" || secret != "geheim" || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "kafka" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, `{"access_token":%q,"expires_in":3600}`, token("bearer", time.Now()))
	}))
	t.Cleanup(server.Close)
	file := func(token string) string {
		path := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return "file://" + path
	}
	secret := func(s string) string {
		return `sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required clientId="me" clientSecret="` + s + `" scope="kafka";`
	}
	for _, c := range []struct {
		name, url, jaas, mechanism string
		code                       int
		want                       string
	}{
		{name: "file", url: file(token("bearer", time.Now()))},
		{name: "server", url: server.URL, jaas: secret("geheim")},
		{name: "wrong secret", url: server.URL, jaas: secret("falsch"), code: 4, want: "401 Unauthorized holds none; check clientId and clientSecret"},
		{name: "no server", url: "http://127.0.0.1:1/token", jaas: secret("geheim"), code: 4, want: "there is no token to show: ask http://127.0.0.1:1/token for a token"},
		{name: "expired", url: file(token("bearer", time.Now().Add(-2*time.Hour))), code: 4, want: "it does not accept the token; check that the token of file:"},
		{name: "no token", url: file("something else"), code: 4, want: "it does not accept the token"},
		{name: "no file", url: "file:///nowhere/token", code: 4, want: "there is no token to show: read the token: open /nowhere/token"},
		{name: "another user", url: file(token("stranger", time.Now())), code: 4, want: "user stranger is not allowed Read on topic in"},
		{name: "no address", code: 3, want: "sasl.oauthbearer.token.endpoint.url is missing"},
		{name: "mechanism", mechanism: "SCRAM-SHA-256", jaas: `sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="u" password="geheim";`, code: 4, want: "it does not know the SASL mechanism SCRAM-SHA-256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.mechanism == "" {
				c.mechanism = "OAUTHBEARER"
			}
			lines := []string{"sasl.mechanism=" + c.mechanism, c.jaas}
			if c.url != "" {
				lines = append(lines, "sasl.oauthbearer.token.endpoint.url="+c.url)
			}
			p := nagare(t, nil, "run", guardedProject(t, "out"), "--once", "--kafka", g.hosts, "--kafka-config", clientFile(t, lines...), "--data", filepath.Join(t.TempDir(), "data"))
			if p.code != c.code || !strings.Contains(p.errors, c.want) || strings.Contains(p.errors, "geheim") || strings.Contains(p.errors, "falsch") {
				t.Errorf("exit %d, want %d and %q; stderr:\n%s", p.code, c.code, c.want, p.errors)
			}
		})
	}
}
