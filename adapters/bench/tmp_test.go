package bench
import ("context";"testing";"fmt";"os")
func TestTmpSlow(t *testing.T) {
	troubles = []trouble{healthy, slow}
	m := &bench{Config: Config{Events: 400_000, Load: load, Tell: func(s string) {fmt.Println(s)}}, dir: t.TempDir(), pairs: 4}
	if err := m.makeFile(context.Background()); err != nil { t.Fatal(err) }
	if err := m.measureRedis(context.Background()); err != nil { t.Fatal(err) }
	m.r.Write(os.Stdout)
}
