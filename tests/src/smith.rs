//! Components that nobody wrote: generated at random, or real ones with something changed.

use arbitrary::Unstructured;
use wasm_smith::{Component, Config, Module};
use wit_parser::{LiftLowerAbi, ManglingAndAbi};

use crate::component::{CONTRACT, World};
use crate::soak::Numbers;

/// Bytes of randomness for one component.
const BYTES: usize = 4 * 1024;
/// How often making one is tried.
const TRIES: usize = 100;
/// Most bytes of a real component that are cut or inserted at once.
const MOST: u64 = 64;
/// The ways in which a module of the contract can be called.
const ABIS: [ManglingAndAbi; 3] = [
    ManglingAndAbi::Standard32,
    ManglingAndAbi::Legacy(LiftLowerAbi::Sync),
    ManglingAndAbi::Legacy(LiftLowerAbi::AsyncCallback),
];

fn bytes(numbers: &mut Numbers, count: usize) -> Vec<u8> {
    (0..count).map(|_| numbers.below(256) as u8).collect()
}

/// What the host's engine takes: the rest would be refused before a line of it is compiled.
fn config(numbers: &mut Numbers) -> Config {
    Config {
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        reference_types_enabled: false,
        relaxed_simd_enabled: false,
        threads_enabled: false,
        // Code that does not trap by itself comes further.
        disallow_traps: numbers.below(2) == 0,
        min_funcs: 4,
        max_instructions: 400,
        ..Config::default()
    }
}

/// A component of random types, imports, modules and instances; of proposals that the host does not take, too.
pub fn any(numbers: &mut Numbers) -> Vec<u8> {
    // Some random bytes run out of choices.
    let made = (0..TRIES).find_map(|_| {
        let config = if numbers.below(4) == 0 { Config::default() } else { config(numbers) };
        let bytes = bytes(numbers, BYTES);
        Component::new(config, &mut Unstructured::new(&bytes)).ok()
    });
    made.expect("a component").to_bytes()
}

/// Makes components of the contract.
pub struct Forge {
    world: World,
    shapes: [Vec<u8>; 3],
}

impl Default for Forge {
    fn default() -> Self {
        let world = World::new(CONTRACT);
        let shapes = ABIS.map(|abi| world.module(abi));
        Self { world, shapes }
    }
}

impl Forge {
    /// A component of the contract whose code is random, and may call all that the contract has.
    pub fn of_contract(&self, numbers: &mut Numbers) -> Vec<u8> {
        let shape = &self.shapes[numbers.below(self.shapes.len() as u64) as usize];
        let made = (0..TRIES).find_map(|_| {
            let config = Config { module_shape: Some(shape.clone()), ..config(numbers) };
            let bytes = bytes(numbers, BYTES);
            Module::new(config, &mut Unstructured::new(&bytes)).ok()
        });
        let module = made.expect("a module");
        self.world.component(module.to_bytes()).expect("the shape of a component")
    }
}

/// A real component in which a place or two were changed.
pub fn mutated(numbers: &mut Numbers, component: &[u8]) -> Vec<u8> {
    let mut component = component.to_vec();
    for _ in 0..=numbers.below(2) {
        let at = numbers.below(component.len() as u64) as usize;
        let count = 1 + numbers.below(MOST) as usize;
        let end = component.len().min(at + count);
        match numbers.below(10) {
            0 => drop(component.drain(at..end)),
            1 => drop(component.splice(at..at, bytes(numbers, count))),
            2 => component[at] = numbers.below(256) as u8,
            // Many changes of one bit leave a component that is valid.
            _ => component[at] ^= 1 << numbers.below(8),
        }
    }
    component
}
