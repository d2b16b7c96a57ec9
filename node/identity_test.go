package node_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/node"
)

// TestDamagedIdentityIsNoticed flips each bit of nagare.json, and of its copy too: what is read then is what was
// written, or an error; and the error's way out is one.
func TestDamagedIdentityIsNoticed(t *testing.T) {
	cfg := ordersConfig(orders(t, ordersView+ordersTable), t.TempDir())
	runOrders(t, cfg)
	file, second := filepath.Join(cfg.Data, "nagare.json"), filepath.Join(cfg.Data, "nagare.json.copy")
	whole := read(t, file)
	want, err := node.ReadIdentity(cfg.Data)
	if err != nil || want.Name == "" || !strings.Contains(whole, `"checksum": "`) || read(t, second) != whole {
		t.Fatalf("the folder's identity is %+v in %s: %v", want, whole, err)
	}
	refused := 0
	for i := range len(whole) * 8 {
		rotten := []byte(whole)
		rotten[i/8] ^= 1 << (i % 8)
		write(t, file, string(rotten))
		if got, err := node.ReadIdentity(cfg.Data); err != nil || got != want {
			t.Fatalf("bit %d of byte %d flipped, and a whole copy: %+v, %v", i%8, i/8, got, err)
		}
		write(t, second, string(rotten))
		got, err := node.ReadIdentity(cfg.Data)
		var data *node.DataError
		switch {
		case errors.As(err, &data):
			refused++
		case err != nil || got != want:
			t.Fatalf("bit %d of byte %d flipped: %+v, %v", i%8, i/8, got, err)
		}
		write(t, second, whole)
	}
	// A key that is another one leaves a folder without a checksum: what it says is right.
	if most := len(whole) * 8; refused < most-8*len(`"checksum"`) {
		t.Errorf("%d of %d flips are noticed", refused, most)
	}

	// A run by the copy says so and writes both anew.
	write(t, file, strings.Replace(whole, `"project": "`, `"project": "not `, 1))
	n, err := node.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if said := n.Notices(); len(said) != 1 || !strings.Contains(said[0], "nagare.json was damaged or gone") {
		t.Errorf("a run by the copy says %q", said)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if read(t, file) != whole {
		t.Error("the damaged file is still there")
	}

	// Where both are damaged the way out is to look, and to take the checksum out.
	moved := strings.Replace(whole, `"version": 1`, `"version": 0`, 1)
	write(t, file, moved)
	write(t, second, moved)
	_, err = node.ReadIdentity(cfg.Data)
	if err == nil || !strings.Contains(err.Error(), "nagare.json is damaged") || !strings.Contains(err.Error(), "take the field checksum out") || node.ExitCode(err) != node.ExitData {
		t.Errorf("a damaged identity: %v", err)
	}
	write(t, file, withoutChecksum(whole))
	runOrders(t, cfg)
	if read(t, file) != whole || read(t, second) != whole {
		t.Error("a run does not put the checksum back")
	}
}

// TestFolderWithoutAChecksum is one of an earlier nagare.
func TestFolderWithoutAChecksum(t *testing.T) {
	cfg := ordersConfig(orders(t, ordersView+ordersTable), t.TempDir())
	runOrders(t, cfg)
	file, second := filepath.Join(cfg.Data, "nagare.json"), filepath.Join(cfg.Data, "nagare.json.copy")
	whole := read(t, file)
	old := withoutChecksum(whole)
	write(t, file, old)
	write(t, second, old)
	lookAt(t, cfg, func(n *node.Node) {
		if len(n.Notices()) > 0 {
			t.Errorf("it says %q", n.Notices())
		}
	})
	if read(t, file) != old {
		t.Error("whoever looks changes the file")
	}
	runOrders(t, cfg)
	if read(t, file) != whole {
		t.Error("a run leaves it without a checksum")
	}
}

func withoutChecksum(text string) string {
	before, _, _ := strings.Cut(text, ",\n  \"checksum\"")
	return before + "\n}\n"
}
