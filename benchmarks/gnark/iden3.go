package main

import (
	"encoding/binary"
	"fmt"
	"os"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint"
	cs "github.com/consensys/gnark/constraint/bn254"
)

// The binary container of iden3: magic, version, number of sections, then (type u32, length u64, content) each.
func sections(path, magic string, version uint32) (map[uint32][]byte, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(raw) < 12 || string(raw[:4]) != magic || binary.LittleEndian.Uint32(raw[4:]) != version {
		return nil, fmt.Errorf("%s: not a %q file of version %d", path, magic, version)
	}
	found := map[uint32][]byte{}
	rest := raw[12:]
	for n := binary.LittleEndian.Uint32(raw[8:]); n > 0; n-- {
		if len(rest) < 12 {
			return nil, fmt.Errorf("%s: ends early", path)
		}
		kind, length := binary.LittleEndian.Uint32(rest), binary.LittleEndian.Uint64(rest[4:])
		rest = rest[12:]
		if uint64(len(rest)) < length {
			return nil, fmt.Errorf("%s: section %d ends early", path, kind)
		}
		found[kind], rest = rest[:length], rest[length:]
	}
	return found, nil
}

func element(raw []byte) (fr.Element, error) {
	return fr.LittleEndian.Element((*[32]byte)(raw[:32]))
}

// circuit holds an R1CS whose wires are exactly those of the file, in its order.
type circuit struct {
	r1cs           *cs.R1CS
	public, secret int // without the constant wire
}

// readR1CS builds the same constraints in gnark. Every wire of the file becomes a public or a secret *input*, so that
// gnark's solver computes nothing that the witness file already holds: it only evaluates and checks the constraints.
func readR1CS(path string) (*circuit, error) {
	parts, err := sections(path, "r1cs", 1)
	if err != nil {
		return nil, err
	}
	header, rows := parts[1], parts[2]
	if len(header) < 64 || binary.LittleEndian.Uint32(header) != 32 {
		return nil, fmt.Errorf("%s: not an R1CS over BN254", path)
	}
	u32 := func(at int) int { return int(binary.LittleEndian.Uint32(header[at:])) }
	wires, public, constraints := u32(36), u32(40)+u32(44), u32(60)

	system := cs.NewR1CS(constraints)
	system.AddPublicVariable("1")
	for wire := 1; wire <= public; wire++ {
		system.AddPublicVariable(fmt.Sprint("p", wire))
	}
	for wire := public + 1; wire < wires; wire++ {
		system.AddSecretVariable("")
	}
	blueprint := system.AddBlueprint(&constraint.BlueprintGenericR1C{})

	at := 0
	combination := func() (constraint.LinearExpression, error) {
		if at+4 > len(rows) {
			return nil, fmt.Errorf("%s: constraints end early", path)
		}
		count := int(binary.LittleEndian.Uint32(rows[at:]))
		at += 4
		if at+36*count > len(rows) {
			return nil, fmt.Errorf("%s: constraints end early", path)
		}
		expression := make(constraint.LinearExpression, count)
		for k := range expression {
			wire := int(binary.LittleEndian.Uint32(rows[at:]))
			value, err := element(rows[at+4:])
			if err != nil || wire >= wires {
				return nil, fmt.Errorf("%s: a term is not canonical", path)
			}
			var coefficient constraint.U64
			copy(coefficient[:], value[:])
			expression[k] = system.MakeTerm(coefficient, wire)
			at += 36
		}
		return expression, nil
	}
	for range constraints {
		var row [3]constraint.LinearExpression
		for k := range row {
			if row[k], err = combination(); err != nil {
				return nil, err
			}
		}
		system.AddR1C(constraint.R1C{L: row[0], R: row[1], O: row[2]}, blueprint)
	}
	return &circuit{system, public, wires - 1 - public}, nil
}

// readWitness returns all wires of a .wtns file, the constant wire first.
func readWitness(path string) ([]fr.Element, error) {
	parts, err := sections(path, "wtns", 2)
	if err != nil {
		return nil, err
	}
	raw := parts[2]
	values := make([]fr.Element, len(raw)/32)
	for k := range values {
		if values[k], err = element(raw[32*k:]); err != nil {
			return nil, fmt.Errorf("%s: wire %d is not canonical", path, k)
		}
	}
	return values, nil
}
