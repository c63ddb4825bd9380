// A peer for zkmargin's benchmarks: gnark's Groth16 prover on the same R1CS and the same witness.
//
//	gnark-peer setup R1CS KEY        one-party setup; writes proving and verifying key; prints one JSON line
//	gnark-peer serve R1CS WTNS KEY   loads everything, then answers each line of standard input with one JSON line:
//	                                   prove    {"wall": s, "cpu": s, "peak_bytes": n}   key resident, witness read
//	                                   verify   {"wall": s, "ok": true}                  the last proof
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/backend/groth16"
	"github.com/consensys/gnark/backend/witness"
	"github.com/consensys/gnark/logger"
)

func main() {
	logger.Disable() // gnark logs to standard output
	var err error
	switch {
	case len(os.Args) == 4 && os.Args[1] == "setup":
		err = setup(os.Args[2], os.Args[3])
	case len(os.Args) == 5 && os.Args[1] == "serve":
		err = serve(os.Args[2], os.Args[3], os.Args[4])
	default:
		err = fmt.Errorf("usage: gnark-peer setup R1CS KEY | serve R1CS WTNS KEY")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func setup(r1csPath, keyPath string) error {
	built, err := readR1CS(r1csPath)
	if err != nil {
		return err
	}
	start := time.Now()
	pk, vk, err := groth16.Setup(built.r1cs)
	if err != nil {
		return err
	}
	wall := time.Since(start).Seconds()
	out, err := os.Create(keyPath)
	if err != nil {
		return err
	}
	defer out.Close()
	buffered := bufio.NewWriterSize(out, 1<<20)
	if _, err = vk.WriteRawTo(buffered); err != nil {
		return err
	}
	if err = pk.WriteDump(buffered); err != nil {
		return err
	}
	if err = buffered.Flush(); err != nil {
		return err
	}
	return answer(map[string]any{"wall": wall, "constraints": built.r1cs.GetNbConstraints()})
}

func serve(r1csPath, witnessPath, keyPath string) error {
	built, err := readR1CS(r1csPath)
	if err != nil {
		return err
	}
	values, err := readWitness(witnessPath)
	if err != nil {
		return err
	}
	if len(values) != 1+built.public+built.secret {
		return fmt.Errorf("%s: witness and constraint system have different wires", witnessPath)
	}
	full, err := assign(built, values[1:])
	if err != nil {
		return err
	}
	public, err := full.Public()
	if err != nil {
		return err
	}
	pk, vk := groth16.NewProvingKey(ecc.BN254), groth16.NewVerifyingKey(ecc.BN254)
	in, err := os.Open(keyPath)
	if err != nil {
		return err
	}
	defer in.Close()
	buffered := bufio.NewReaderSize(in, 1<<20)
	if _, err = vk.UnsafeReadFrom(buffered); err != nil {
		return err
	}
	if err = pk.ReadDump(buffered); err != nil {
		return err
	}
	runtime.GC()
	debug.FreeOSMemory()
	resetPeak()
	if err = answer(map[string]any{
		"ready": true, "constraints": built.r1cs.GetNbConstraints(), "wires": len(values), "cpus": runtime.NumCPU(),
	}); err != nil {
		return err
	}

	var proof groth16.Proof
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		switch lines.Text() {
		case "prove":
			cpu, start := cpuSeconds(), time.Now()
			if proof, err = groth16.Prove(built.r1cs, pk, full); err != nil {
				return err
			}
			wall, used := time.Since(start).Seconds(), cpuSeconds()-cpu
			err = answer(map[string]any{"wall": wall, "cpu": used, "peak_bytes": peakBytes()})
		case "verify":
			start := time.Now()
			verdict := groth16.Verify(proof, vk, public)
			err = answer(map[string]any{"wall": time.Since(start).Seconds(), "ok": verdict == nil})
		default:
			err = fmt.Errorf("unknown request %q", lines.Text())
		}
		if err != nil {
			return err
		}
	}
	return lines.Err()
}

func assign(built *circuit, values []fr.Element) (witness.Witness, error) {
	full, err := witness.New(ecc.BN254.ScalarField())
	if err != nil {
		return nil, err
	}
	stream := make(chan any, 1024)
	go func() {
		for _, value := range values {
			stream <- value
		}
		close(stream)
	}()
	return full, full.Fill(built.public, built.secret, stream)
}

func answer(content map[string]any) error {
	return json.NewEncoder(os.Stdout).Encode(content)
}

// cpuSeconds is the processor time of this process so far, all threads, user and system.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

// resetPeak makes the kernel forget the peak so far, so that loading and parsing do not count.
func resetPeak() {
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

func peakBytes() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(status), "\n") {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kib, _ := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10
		}
	}
	return 0
}
