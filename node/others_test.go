//go:build unix

package node_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"

	"github.com/nagare-stream/nagare/node"
)

// certify writes a certificate for localhost and its key, and gives it.
func certify(t *testing.T, cert, key string, serial int64, names ...string) *x509.Certificate {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: names, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &secret.PublicKey, secret)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{key: {Type: "PRIVATE KEY", Bytes: private}, cert: {Type: "CERTIFICATE", Bytes: der}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestOtherMachines opens a socket for others: TLS, the token for all, a certificate that is renewed, commands of this
// machine as before, and the page in Chromium, which needs no second token for what changes something.
func TestOtherMachines(t *testing.T) {
	dir := t.TempDir()
	data, cert, key := filepath.Join(dir, "data"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	first := certify(t, cert, key, 1, "localhost")
	p := start(t, false, "run", "--data", data, "--http", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--http-cert", cert, "--http-key", key)
	address, _, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(p.line("others"), "others")), " ")
	if !strings.HasPrefix(address, "https://localhost:") {
		t.Fatalf("the banner says %q", p.line("others"))
	}
	token, err := node.Token(data)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(trusted *x509.Certificate, path string, edit func(*http.Request)) (int, string, error) {
		roots := x509.NewCertPool()
		roots.AddCert(trusted)
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DialContext: (&net.Dialer{}).DialContext}
		defer transport.CloseIdleConnections()
		q, err := http.NewRequest(http.MethodGet, address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if edit != nil {
			edit(q)
		}
		resp, err := (&http.Client{Transport: transport}).Do(q)
		if err != nil {
			return 0, "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body), err
	}
	shows := func(q *http.Request) { q.SetBasicAuth("", token) }
	if code, body, err := ask(first, "/api/status", nil); code != 401 || err != nil || strings.Contains(body, data) {
		t.Errorf("without a token: %d %s %v", code, body, err)
	}
	if code, _, err := ask(first, "/api/status", shows); code != 200 || err != nil {
		t.Errorf("with the token: %d %v", code, err)
	}
	if code, body, err := ask(first, "/api/status", func(q *http.Request) { shows(q); q.Host = "rebound.example" }); code != 403 || err != nil {
		t.Errorf("under another name: %d %s %v", code, body, err)
	}
	if resp, err := http.Get("http" + strings.TrimPrefix(address, "https") + "/api/status"); err == nil {
		if resp.Body.Close(); resp.StatusCode != 400 {
			t.Errorf("without TLS: %s", resp.Status)
		}
	}
	if out := succeed(t, "status", "--data", data).out; !strings.Contains(out, address) { // by the socket of this machine
		t.Errorf("nagare status does not tell how others come in:\n%s", out)
	}
	// A renewed certificate is taken; one that is none leaves the old one where it is.
	second := certify(t, cert, key, 2, "localhost")
	if code, _, err := ask(second, "/api/status", shows); code != 200 || err != nil {
		t.Errorf("with the renewed certificate: %d %v", code, err)
	}
	if err := os.WriteFile(cert, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, err := ask(second, "/api/status", shows); code != 200 || err != nil {
		t.Errorf("with a certificate that cannot be read: %d %v", code, err)
	}
	b := openTab(t, 1280, 800, "light")
	send(b, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true})
	b.do(chromedp.Navigate(strings.Replace(address, "https://", "https://me:"+token+"@", 1) + "/"))
	b.await("the page", `document.querySelector('.state.good') !== null`)
	if code := eval[int](b, `fetch(location.origin + '/api/silences/none', { method: 'DELETE' }).then((r) => r.status)`); code == 401 || code == 403 {
		t.Errorf("who came in with the token may change nothing: %d", code)
	}
	b.expect(fmt.Sprintf("%d", 404)) // there is no such silence
	b.expect("400")
	b.calm()
	p.stop()
}
