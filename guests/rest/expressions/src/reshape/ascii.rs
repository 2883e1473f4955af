//! Letters of the Latin, Greek and Cyrillic scripts and common signs in ASCII, as the reference's `anyascii` writes them.

/// The first character of each row, and what it and those behind it become: `∅` is nothing, `_` a space.
const ROWS: [(u32, &str); 5] = [
    (
        0xa0,
        "_ ! c GBP $ Y | S \" (C) a << ! ∅ (R) - deg +- 2 3 ' u P - , 1 o >> 1/4 1/2 3/4 ? A A A A A A Ae C E \
         E E E I I I I D N O O O O O * O U U U U Y Th ss a a a a a a ae c e e e e i i i i d n o o o o o / o u \
         u u u y th y A a A a A a C c C c C c C c D d D d E e E e E e E e E e G g G g G g G g H h H h I i I i \
         I i I i I i IJ ij J j K k q L l L l L l L l L l N n N n N n 'n Ng ng O o O o O o Oe oe R r R r R r S \
         s S s S s S s T t T t T t U u U u U u U u U u U u W w Y y Y Z z Z z Z z s",
    ),
    (
        0x386,
        "A ; E I I ∅ O ∅ Y O i A V G D E Z I Th I K L M N X O P R ∅ S T Y F Ch Ps O I Y a e i i y a v g d e z \
         i th i k l m n x o p r s s t y f ch ps o i y o y o",
    ),
    (
        0x400,
        "E E Dj G Ie Dz I I J Lj Nj C K I U Dzh A B V G D E Zh Z I Y K L M N O P R S T U F Kh Ts Ch Sh Shch ' \
         Y ' E Yu Ya a b v g d e zh z i y k l m n o p r s t u f kh ts ch sh shch ' y ' e yu ya e e dj g ie dz \
         i i j lj nj c k i u dzh",
    ),
    (0x1e80, "W w W w W w"),
    (0x2010, "- - - - - - || _ ' ' ' ' \" \" \" \" + ++ * * . .. ..."),
];

/// The text in ASCII. Nothing where a character is in no row.
pub(super) fn transliterate(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii() {
            out.push(letter);
            continue;
        }
        let code = u32::from(letter);
        let row = ROWS.iter().rfind(|(first, _)| *first <= code)?;
        match row.1.split(' ').nth(usize::try_from(code - row.0).ok()?)? {
            "∅" => {}
            "_" => out.push(' '),
            ascii => out.push_str(ascii),
        }
    }
    Some(out)
}
