//! The Rust of the book, compiled with the tests of this crate: it has the SDK as any extractor has it.

#[cfg(doctest)]
mod book {
    #[doc = include_str!("../../../host/book/src/author-rust.md")]
    mod author {}
    #[doc = include_str!("../../../host/book/src/recipes.md")]
    mod recipes {}
}
