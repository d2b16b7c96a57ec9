package sql

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestMutatedTokens takes statements that parse, and leaves out, doubles, swaps and puts in tokens at random:
// what still parses has a stable canonical text, and nothing panics. It finds what bytes at random do not.
func TestMutatedTokens(t *testing.T) {
	rounds := 20_000
	if n, err := strconv.Atoi(os.Getenv("SQL_MUTATIONS")); err == nil {
		rounds = n
	}
	var statements [][]string
	vocabulary := Keywords()
	for _, seed := range mutationSeeds(t) {
		words := tokenTexts(seed)
		statements = append(statements, words)
		vocabulary = append(vocabulary, words...)
	}
	random := rand.New(rand.NewPCG(1, 2))
	parsed := 0
	for range rounds {
		words := append([]string(nil), statements[random.IntN(len(statements))]...)
		for range 1 + random.IntN(3) {
			words = mutate(random, words, vocabulary)
		}
		text := strings.Join(words, " ")
		list, faults := ParseFile("m", text)
		if len(faults) > 0 {
			continue
		}
		parsed++
		for _, s := range list {
			checkStableStatement(t, s)
			if t.Failed() {
				t.Fatal(text)
			}
		}
	}
	if parsed < rounds/20 {
		t.Errorf("only %d of %d mutated statements parse", parsed, rounds)
	}
	t.Logf("%d of %d mutated statements parse", parsed, rounds)
}

func mutationSeeds(t *testing.T) []string {
	seeds := fuzzSeeds()
	for i, fact := range readFacts(t) {
		if i%5 == 0 {
			seeds = append(seeds, "SELECT "+fact[0])
		}
	}
	return seeds
}

// tokenTexts cuts a text into the texts of its tokens.
func tokenTexts(text string) []string {
	var words []string
	l := newLexer("", text)
	for toks, _ := l.statement(); toks != nil; toks, _ = l.statement() {
		for i := range toks {
			words = append(words, text[toks[i].start:toks[i].end])
		}
	}
	return words
}

func mutate(random *rand.Rand, words, vocabulary []string) []string {
	i := random.IntN(len(words))
	switch random.IntN(5) {
	case 0:
		return append(words[:i:i], words[i+1:]...)
	case 1:
		return append(words[:i:i], words[max(0, i-random.IntN(8)):]...)
	case 2:
		j := random.IntN(len(words))
		words[i], words[j] = words[j], words[i]
		return words
	case 3:
		words[i] = vocabulary[random.IntN(len(vocabulary))]
		return words
	}
	return append(words[:i:i], append([]string{vocabulary[random.IntN(len(vocabulary))]}, words[i:]...)...)
}
