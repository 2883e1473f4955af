//! Components made for one test: of any WIT, with any code, and some that are hard to compile.

use anyhow::Result;
use wasm_encoder::{
    BlockType, CodeSection, ComponentSectionId, Encode as _, Function, FunctionSection, Module, TypeSection, ValType,
};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve, WorldId};

/// The contract, to be changed by a test.
pub const CONTRACT: &str = include_str!("../../wit/extractor.wit");

/// The contract with something else in place of a text that is in it once.
#[track_caller]
pub fn contract_with(text: &str, other: &str) -> String {
    assert_eq!(CONTRACT.matches(text).count(), 1, "{text}");
    CONTRACT.replace(text, other)
}

/// The world `extractor` of a WIT.
pub struct World {
    resolve: Resolve,
    id: WorldId,
}

impl World {
    /// Read it.
    #[track_caller]
    pub fn new(wit: &str) -> Self {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("test.wit", wit).unwrap_or_else(|error| panic!("{error:#}\n{wit}"));
        let id = resolve.select_world(&[package], Some("extractor")).expect("a world");
        Self { resolve, id }
    }

    /// A module that imports all of the world, and whose exports trap.
    pub fn module(&self, abi: ManglingAndAbi) -> Vec<u8> {
        dummy_module(&self.resolve, self.id, abi)
    }

    /// The component around a module that imports and exports what the world does.
    pub fn component(&self, mut module: Vec<u8>) -> Result<Vec<u8>> {
        embed_component_metadata(&mut module, &self.resolve, self.id, StringEncoding::UTF8)?;
        ComponentEncoder::default().module(&module)?.encode()
    }
}

/// A component that imports all of a WIT's world `extractor`, and whose exports trap.
#[track_caller]
pub fn of_wit(wit: &str) -> Vec<u8> {
    let world = World::new(wit);
    world.component(world.module(ManglingAndAbi::Standard32)).unwrap_or_else(|error| panic!("{error:#}\n{wit}"))
}

/// A component of the contract that is hard to compile, though nothing calls what is hard: functions of so many loops
/// in a row, each of which changes so many variables.
pub fn laborious(functions: u32, loops: u32, variables: u32) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I64], [ValType::I64]);
    let (mut kinds, mut code) = (FunctionSection::new(), CodeSection::new());
    for _ in 0..functions {
        kinds.function(0);
        code.function(&tangle(loops, variables));
    }
    let mut module = Module::new();
    module.section(&types).section(&kinds).section(&code);
    let mut component = of_wit(CONTRACT);
    component.push(ComponentSectionId::CoreModule.into());
    module.finish().encode(&mut component);
    component
}

fn tangle(loops: u32, variables: u32) -> Function {
    let mut function = Function::new([(variables, ValType::I64)]);
    let mut code = function.instructions();
    for _ in 0..loops {
        code.loop_(BlockType::Empty);
        for variable in 1..=variables {
            code.local_get(variable).local_get(variable - 1).i64_add().local_set(variable);
        }
        code.local_get(variables).i64_eqz().br_if(0).end();
    }
    code.local_get(variables).end();
    function
}
