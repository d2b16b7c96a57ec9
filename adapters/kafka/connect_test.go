package kafka_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/nagare-stream/nagare/adapters/kafka"
)

// properties writes a file and reads it.
func properties(t testing.TB, lines ...string) []kafka.Property {
	t.Helper()
	path := filepath.Join(t.TempDir(), "client.properties")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := kafka.ReadProperties(path)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func jaas(module, user, pass string) string {
	return `sasl.jaas.config=org.apache.kafka.common.security.` + module + `LoginModule required username="` + user + `" password="` + pass + `";`
}

func TestReadProperties(t *testing.T) {
	list := properties(t, "# a comment", "! another", "", "client.id=nagare", "  linger.ms : 5", "acks all", `ssl.truststore.location=C:\\certs\\ca.pem`,
		`sasl.jaas.config=a.PlainLoginModule required \`, `   username="u" password="p=1\\"x";`, "empty=")
	want := [][2]string{{"client.id", "nagare"}, {"linger.ms", "5"}, {"acks", "all"}, {"ssl.truststore.location", `C:\certs\ca.pem`},
		{"sasl.jaas.config", `a.PlainLoginModule required username="u" password="p=1\"x";`}, {"empty", ""}}
	if len(list) != len(want) {
		t.Fatalf("%d properties: %v", len(list), list)
	}
	for i, p := range list {
		if p.Key != want[i][0] || p.Value != want[i][1] || !strings.Contains(p.Place, "client.properties:") {
			t.Errorf("property %d is %+v, want %v", i, p, want[i])
		}
	}
}

// certificate makes one for 127.0.0.1 that signs itself, and returns it as PEM too.
func certificate(t testing.TB, host string) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true, IsCA: true}
	if ip := net.ParseIP(host); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else {
		c.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// TestConnect opens clusters with right and wrong settings. What is wrong is said in a sentence, with
// what to do, and no secret in it.
func TestConnect(t *testing.T) {
	plainUser := []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("PLAIN", "u", "geheim"), kfake.Superuser("SCRAM-SHA-512", "s", "geheim")}
	cert, root := certificate(t, "127.0.0.1")
	foreign, foreignRoot := certificate(t, "elsewhere.example")
	rootFile := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(rootFile, []byte(root), 0o600); err != nil {
		t.Fatal(err)
	}
	onTLS := kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}})
	inline := func(pem string) string { return "ssl.truststore.certificates=" + strings.ReplaceAll(pem, "\n", `\n`) }
	for _, c := range []struct {
		name    string
		cluster []kfake.Opt
		lines   []string
		want    string // of the error; "": none
	}{
		{"plain text", nil, nil, ""},
		{"PLAIN", plainUser, []string{"security.protocol=SASL_PLAINTEXT", "sasl.mechanism=PLAIN", jaas("plain.Plain", "u", "geheim")}, ""},
		{"SCRAM", plainUser, []string{"security.protocol=SASL_PLAINTEXT", "sasl.mechanism=SCRAM-SHA-512", jaas("scram.Scram", "s", "geheim")}, ""},
		{"a wrong password", plainUser, []string{"security.protocol=SASL_PLAINTEXT", "sasl.mechanism=PLAIN", jaas("plain.Plain", "u", "falsch")}, "it does not accept the user or the password"},
		{"a wrong SCRAM password", plainUser, []string{"security.protocol=SASL_PLAINTEXT", "sasl.mechanism=SCRAM-SHA-512", jaas("scram.Scram", "s", "falsch")}, "it does not accept the user or the password"},
		{"no user", plainUser, nil, "check security.protocol"},
		{"a user without SASL", nil, []string{jaas("plain.Plain", "u", "geheim")}, "the settings name a user, and security.protocol is PLAINTEXT; set it to SASL_SSL or SASL_PLAINTEXT"},
		{"a mechanism that is none", nil, []string{"security.protocol=SASL_SSL", "sasl.mechanism=GSSAPI", jaas("plain.Plain", "u", "geheim")}, "expected PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"},
		{"TLS by file", []kfake.Opt{onTLS}, []string{"security.protocol=SSL", "ssl.truststore.type=PEM", "ssl.truststore.location=" + rootFile}, ""},
		{"TLS by text, with SASL", append([]kfake.Opt{onTLS}, plainUser...), []string{"security.protocol=SASL_SSL", inline(root), "sasl.mechanism=PLAIN", jaas("plain.Plain", "u", "geheim")}, ""},
		{"TLS without the certificate", []kfake.Opt{onTLS}, []string{"security.protocol=SSL"}, "TLS fails: "},
		{"plain text to TLS", []kfake.Opt{onTLS}, nil, "check security.protocol"},
		{"another host's certificate", []kfake.Opt{kfake.TLS(&tls.Config{Certificates: []tls.Certificate{foreign}})}, []string{"security.protocol=SSL", inline(foreignRoot)}, "TLS fails: "},
		{"another host's certificate, allowed", []kfake.Opt{kfake.TLS(&tls.Config{Certificates: []tls.Certificate{foreign}})}, []string{"security.protocol=SSL", inline(foreignRoot), "ssl.endpoint.identification.algorithm="}, ""},
		{"a Java key store", nil, []string{"security.protocol=SSL", "ssl.truststore.type=JKS", "ssl.truststore.password=geheim"}, "only PEM is read"},
		{"a slip", nil, []string{"security.protocol=SSL", "ssl.trustore.location=x"}, `ssl.trustore.location is no setting of Kafka's clients; did you mean "ssl.truststore.location"?`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k, err := kafka.Open(context.Background(), kafka.Config{Hosts: fake(t, c.cluster...), Name: "test", Properties: properties(t, c.lines...)})
			if err == nil {
				if cerr := k.Close(); cerr != nil {
					t.Error(cerr)
				}
			}
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v, want %q", err, c.want)
			case err != nil && (strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "falsch")):
				t.Errorf("a secret is told: %v", err)
			}
		})
	}
}

func TestTopicsThatAreNotThere(t *testing.T) {
	c := open(t, kafka.Config{Hosts: fake(t)})
	_, err := source(t, c, "nowhere", kafka.SourceOptions{}).Partitions(context.Background())
	var topic *kafka.TopicError
	if !errors.As(err, &topic) || !strings.Contains(err.Error(), "there is no such topic; check its name, or make it: nagare topics create nowhere --partitions 3 --kafka 127.0.0.1:") {
		t.Error(err)
	}
	if has, err := c.HasTopic(context.Background(), "nowhere"); has || err != nil {
		t.Error(has, err)
	}
}
