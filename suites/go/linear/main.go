// Whether what clients saw of registers can be put in one order: `linear HISTORY`, a file of JSON lines, each a read or a
// write on condition. Each register by itself; a write without an answer may have been done at any time since, or never.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

// A register that takes longer to search is told as unknown, and fails.
const patience = 2 * time.Minute

// What was called and what came of it. Version 0 is a register that is not there.
type step struct {
	Key     string
	Client  int
	Call    int64
	Return  int64
	Write   bool
	Version int
	By      string
	Outcome string // "done", "refused" or, of a write, "unknown"
}

type register struct {
	version int
	by      string
}

var registers = porcupine.Model{
	Init: func() any { return register{} },
	Step: func(state, input, _ any) (bool, any) {
		held, asked := state.(register), input.(step)
		if !asked.Write {
			return held == register{asked.Version, asked.By}, held
		}
		holds := held.version == asked.Version-1
		if holds && asked.Outcome != "refused" {
			return true, register{asked.Version, asked.By}
		}
		return holds == (asked.Outcome == "done"), held
	},
}

func main() {
	file, err := os.Open(os.Args[1])
	if err != nil {
		fail(err)
	}
	histories, steps := map[string][]porcupine.Operation{}, 0
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var told step
		if err := json.Unmarshal(lines.Bytes(), &told); err != nil {
			fail(err)
		}
		if told.Outcome == "unknown" {
			told.Return = math.MaxInt64
		}
		steps++
		histories[told.Key] = append(histories[told.Key], porcupine.Operation{
			ClientId: told.Client, Input: told, Call: told.Call, Return: told.Return,
		})
	}
	if err := lines.Err(); err != nil {
		fail(err)
	}
	wrong := 0
	for key, history := range histories {
		if result := porcupine.CheckOperationsTimeout(registers, history, patience); result != porcupine.Ok {
			fmt.Printf("FAILED %s: %d steps, linearizable: %s\n", key, len(history), result)
			wrong++
		}
	}
	fmt.Printf("%d registers, %d steps, %d not linearizable\n", len(histories), steps, wrong)
	if wrong > 0 || steps == 0 {
		os.Exit(1)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(2)
}
