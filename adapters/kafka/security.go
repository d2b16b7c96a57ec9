package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// security is what a properties file says of TLS and SASL. Secrets are never told in messages.
type security struct {
	protocol  string // PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL
	mechanism string
	jaas      map[string]string // of sasl.jaas.config
	tokenURL  string
	roots     string // PEM, or a file of it
	rootsFile string
	chain     string
	chainFile string
	key       string
	noName    bool                   // the certificate may be for another host
	subject   atomic.Pointer[string] // of the last token
}

// principal is the name that brokers know this client by, "" where that cannot be told.
func (s *security) principal() string {
	switch {
	case !strings.HasPrefix(s.protocol, "SASL_"):
		return ""
	case s.mechanism != "OAUTHBEARER":
		return s.jaas["username"]
	}
	if sub := s.subject.Load(); sub != nil {
		return *sub
	}
	return ""
}

// refused says why brokers do not let this client in, and what to look at.
func (s *security) refused() (reason, fix string) {
	if s.mechanism == "OAUTHBEARER" {
		return "it does not accept the token", "check that the token of " + s.tokenURL + " is not expired, and that the brokers trust who issued it"
	}
	return "it does not accept the user or the password", "check sasl.jaas.config in the file of --kafka-config"
}

func securitySettings() map[string]setting {
	text := func(at func(*security) *string) setting {
		return func(c *client, v string) error { *at(&c.security) = v; return nil }
	}
	pem := func(c *client, v string) error {
		if v != "PEM" {
			return fmt.Errorf("is %q: only PEM is read; convert the store, for one with `keytool -importkeystore` and `openssl pkcs12`", v)
		}
		return nil
	}
	refuse := func(why string) setting {
		return func(*client, string) error { return fmt.Errorf("%s", why) }
	}
	return map[string]setting{
		"security.protocol":                   protocol,
		"sasl.mechanism":                      text(func(s *security) *string { return &s.mechanism }),
		"sasl.jaas.config":                    jaas,
		"sasl.oauthbearer.token.endpoint.url": text(func(s *security) *string { return &s.tokenURL }),
		"sasl.login.callback.handler.class":   nil,
		"sasl.client.callback.handler.class":  nil,
		"sasl.kerberos.service.name":          refuse("belongs to GSSAPI, which is not there; use PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"),
		"ssl.ca.location":                     text(func(s *security) *string { return &s.rootsFile }),
		"ssl.truststore.location":             text(func(s *security) *string { return &s.rootsFile }),
		"ssl.truststore.certificates":         text(func(s *security) *string { return &s.roots }),
		"ssl.truststore.type":                 pem,
		"ssl.truststore.password":             refuse("belongs to a JKS store; use PEM, which has none"),
		"ssl.keystore.location":               text(func(s *security) *string { return &s.chainFile }),
		"ssl.keystore.certificate.chain":      text(func(s *security) *string { return &s.chain }),
		"ssl.keystore.key":                    text(func(s *security) *string { return &s.key }),
		"ssl.keystore.type":                   pem,
		"ssl.keystore.password":               refuse("belongs to a JKS store; use PEM, which has none"),
		"ssl.key.password":                    refuse("belongs to an encrypted key, which is not read; decrypt it, for one with `openssl pkey`"),
		"ssl.endpoint.identification.algorithm": func(c *client, v string) error {
			c.security.noName = v == ""
			return nil
		},
		"ssl.protocol":          nil,
		"ssl.enabled.protocols": nil,
		"ssl.provider":          nil,
	}
}

func protocol(c *client, v string) error {
	switch v {
	case "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL":
		c.security.protocol = v
		return nil
	}
	return fmt.Errorf("is %q, expected PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", v)
}

// jaas reads `org.apache.…LoginModule required username="u" password="p";`.
func jaas(c *client, v string) error {
	rest := strings.TrimSpace(v)
	module, rest, _ := strings.Cut(rest, " ")
	if !strings.HasSuffix(module, "LoginModule") {
		return fmt.Errorf(`begins with no login module; expected org.apache.kafka.common.security.plain.PlainLoginModule required username="…" password="…";`)
	}
	c.security.jaas = map[string]string{}
	rest = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(rest), "required"))
	for rest = strings.TrimSpace(rest); rest != "" && rest != ";"; rest = strings.TrimSpace(rest) {
		name, after, ok := strings.Cut(rest, "=")
		if !ok {
			return fmt.Errorf("has something behind its options; it ends with ;")
		}
		value, left, err := jaasValue(after)
		if err != nil {
			return err
		}
		c.security.jaas[strings.TrimSpace(name)] = value
		rest = left
	}
	return nil
}

func jaasValue(text string) (value, rest string, err error) {
	if text == "" || text[0] != '"' && text[0] != '\'' {
		end := strings.IndexAny(text, " ;")
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:], nil
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case text[i] == text[0]:
			return b.String(), text[i+1:], nil
		default:
			b.WriteByte(text[i])
		}
	}
	return "", "", fmt.Errorf("has a quote that does not end")
}

// options turns the settings into those of the client.
func (s *security) options() ([]kgo.Opt, error) {
	var opts []kgo.Opt
	if strings.HasSuffix(s.protocol, "SSL") {
		cfg, err := s.tls()
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.DialTLSConfig(cfg))
	} else if s.roots != "" || s.rootsFile != "" || s.chain != "" || s.chainFile != "" {
		return nil, fmt.Errorf("the settings name certificates, and security.protocol is %s; set it to SSL or SASL_SSL", or(s.protocol, "PLAINTEXT"))
	}
	if !strings.HasPrefix(s.protocol, "SASL_") {
		if s.jaas != nil {
			return nil, fmt.Errorf("the settings name a user, and security.protocol is %s; set it to SASL_SSL or SASL_PLAINTEXT", or(s.protocol, "PLAINTEXT"))
		}
		return opts, nil
	}
	m, err := s.sasl()
	if err != nil {
		return nil, err
	}
	return append(opts, kgo.SASL(m)), nil
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func (s *security) tls() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	roots := []byte(s.roots)
	if s.rootsFile != "" {
		text, err := os.ReadFile(s.rootsFile)
		if err != nil {
			return nil, fmt.Errorf("read the trusted certificates: %w", err)
		}
		roots = append(append(roots, '\n'), text...)
	}
	if len(roots) > 0 {
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(roots) {
			return nil, fmt.Errorf("read the trusted certificates %s: there is none in PEM form", s.rootsFile)
		}
	}
	chain, key := []byte(s.chain), []byte(s.key)
	if s.chainFile != "" { // PEM with the key and the certificates, as Kafka takes it
		text, err := os.ReadFile(s.chainFile)
		if err != nil {
			return nil, fmt.Errorf("read the client's certificate: %w", err)
		}
		chain, key = text, text
	}
	if len(chain) > 0 {
		pair, err := tls.X509KeyPair(chain, key)
		if err != nil {
			return nil, fmt.Errorf("read the client's certificate %s: %w", s.chainFile, err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	if s.noName {
		verifyChainOnly(cfg)
	}
	return cfg, nil
}

// verifyChainOnly checks certificates as always, but for the name of the host.
func verifyChainOnly(cfg *tls.Config) {
	roots := cfg.RootCAs
	cfg.InsecureSkipVerify = true // in its place:
	cfg.VerifyConnection = func(state tls.ConnectionState) error {
		between := x509.NewCertPool()
		for _, c := range state.PeerCertificates[1:] {
			between.AddCert(c)
		}
		_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
		return err
	}
}

func (s *security) sasl() (sasl.Mechanism, error) {
	user, pass := s.jaas["username"], s.jaas["password"]
	if s.mechanism != "OAUTHBEARER" && user == "" {
		return nil, fmt.Errorf("security.protocol is %s, and sasl.jaas.config names no user", s.protocol)
	}
	switch s.mechanism {
	case "PLAIN":
		return plain.Auth{User: user, Pass: pass}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: user, Pass: pass}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: user, Pass: pass}.AsSha512Mechanism(), nil
	case "OAUTHBEARER":
		if s.tokenURL == "" {
			return nil, fmt.Errorf("sasl.mechanism is OAUTHBEARER, and sasl.oauthbearer.token.endpoint.url is missing")
		}
		return oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
			a, err := s.token(ctx)
			if err != nil {
				return a, &tokenError{err}
			}
			s.subject.Store(subjectOf(a.Token))
			return a, nil
		}), nil
	}
	return nil, fmt.Errorf("sasl.mechanism is %q, expected PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER", s.mechanism)
}

// tokenWait bounds a request for a token, tokenBytes its answer.
const (
	tokenWait  = 10 * time.Second
	tokenBytes = 1 << 20
)

// A tokenError says that there is no token to show.
type tokenError struct{ error }

func (e *tokenError) Unwrap() error { return e.error }

// subjectOf is the claim sub of a JSON web token, by which brokers call its bearer by default; nil where
// it cannot be read.
func subjectOf(token string) *string {
	parts := strings.Split(token, ".")
	if len(parts) < 2 {
		return nil
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct{ Sub *string }
	if err != nil || json.Unmarshal(text, &claims) != nil {
		return nil
	}
	return claims.Sub
}

// token asks for an access token by client credentials (RFC 6749, section 4.4). A file: URL names a
// file that holds one, as Kafka's Java clients take it.
func (s *security) token(ctx context.Context) (oauth.Auth, error) {
	if path, ok := strings.CutPrefix(s.tokenURL, "file:"); ok {
		text, err := os.ReadFile("/" + strings.TrimLeft(path, "/"))
		if err != nil {
			return oauth.Auth{}, fmt.Errorf("read the token: %w", err)
		}
		return oauth.Auth{Token: strings.TrimSpace(string(text))}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, tokenWait)
	defer cancel()
	form := url.Values{"grant_type": {"client_credentials"}}
	if scope := s.jaas["scope"]; scope != "" {
		form.Set("scope", scope)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.tokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return oauth.Auth{}, fmt.Errorf("ask %s for a token: %w", s.tokenURL, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(s.jaas["clientId"], s.jaas["clientSecret"])
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return oauth.Auth{}, fmt.Errorf("ask %s for a token: %w", s.tokenURL, err)
	}
	defer resp.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, tokenBytes)).Decode(&answer); err != nil || answer.Token == "" {
		return oauth.Auth{}, fmt.Errorf("ask %s for a token: the answer %s holds none; check clientId and clientSecret in sasl.jaas.config", s.tokenURL, resp.Status)
	}
	return oauth.Auth{Token: answer.Token}, nil
}
