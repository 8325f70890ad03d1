/// The style of the page, with the colours of the console.
enum ComparisonStyle {
  static var text: HTML { "\(base)\(runs)" }

  /// One colour a run for light and for dark ground; a pattern of dashes tells lines apart where colours do not.
  private static let colours: [(light: String, dark: String)] = [
    ("#155a9c", "#82baf6"), ("#b35900", "#f0a050"), ("#1b7a3d", "#62cb86"), ("#6b3fa0", "#c0a0f0"), ("#b3202e", "#ff8d84"),
    ("#0f7580", "#5cc7d0"), ("#7a4a2a", "#cfa17e"), ("#a8326f", "#f291c0"), ("#6a6a10", "#c5c35a"), ("#4a5a6a", "#a4b4c4"),
    ("#2f3f9f", "#98a6ff"), ("#3f7d10", "#9bd060"),
  ]
  private static let dashes = ["none", "6 3", "2 3", "9 3 2 3"]

  private static var runs: [HTML] {
    colours.enumerated().map { index, colour in
      """
      .c\(index), .t\(index) { fill: light-dark(\(colour.light), \(colour.dark)); }
      .t\(index) { color: light-dark(\(colour.light), \(colour.dark)); }
      .l\(index) { stroke: light-dark(\(colour.light), \(colour.dark)); stroke-dasharray: \(dashes[index % dashes.count]); }

      """
    }
  }

  private static let base: HTML = """

    :root {
      color-scheme: light dark;
      --ground: light-dark(#f4f6f8, #101418);
      --card: light-dark(#ffffff, #181e25);
      --edge: light-dark(#c9d1d9, #3a4550);
      --text: light-dark(#1a2027, #e4e9ee);
      --muted: light-dark(#525c67, #a4b0bb);
      --ok: light-dark(#1b7a3d, #62cb86);
      --warning: light-dark(#8a5900, #e3b553);
      --bad: light-dark(#b3202e, #ff8d84);
      --accent: light-dark(#155a9c, #82baf6);
      --ok-ground: light-dark(#ecf7ef, #14261b);
      --warning-ground: light-dark(#fff6e0, #2b2412);
    }
    * { box-sizing: border-box; }
    body {
      margin: 0 auto; padding: 1rem 1.25rem 2rem; max-width: 76rem; background: var(--ground); color: var(--text);
      font: 1rem/1.5 system-ui, "Segoe UI", "Liberation Sans", sans-serif; font-variant-numeric: tabular-nums;
    }
    header { display: flex; align-items: center; gap: .5rem .75rem; margin-bottom: .9rem; }
    h1 { font-size: 1.25rem; margin: 0; overflow-wrap: anywhere; }
    h2 { font-size: 1.1rem; margin: 0 0 .6rem; }
    p, ul { margin: 0 0 .6rem; }
    ul { padding-left: 1.2rem; }
    a { color: var(--accent); }
    code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .9em; overflow-wrap: anywhere; }
    :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
    .logo { flex: none; width: 1.6rem; height: 1.6rem; fill: none; stroke: var(--accent); stroke-width: 2.2; stroke-linecap: round; }
    section { margin-bottom: 1rem; padding: 1rem 1.1rem; background: var(--card); border: 1px solid var(--edge); border-radius: 10px; }
    .cautions { border: 2px solid var(--warning); background: var(--warning-ground); }
    .cautions ul { margin: 0; }
    footer, .note, .none { color: var(--muted); font-size: .9rem; }

    .scroll { overflow-x: auto; }
    table { border-collapse: collapse; font-size: .95rem; min-width: 100%; }
    th, td { padding: .3rem .8rem .3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--edge); min-width: 7rem; }
    td { max-width: 24rem; overflow-wrap: anywhere; white-space: pre-line; }
    th { font-weight: 600; color: var(--muted); font-size: .9rem; overflow-wrap: anywhere; }
    tr > :first-child {
      position: sticky; left: 0; width: 14rem; min-width: 9rem; max-width: 18rem; background: var(--card); box-shadow: 1px 0 var(--edge);
    }
    tr > :not(:first-child) { padding-left: .8rem; }
    tbody tr:last-child > * { border-bottom: 0; }
    .run { min-width: 9rem; }
    .number { text-align: right; white-space: nowrap; }
    thead:has(+ tbody .number) .run { text-align: right; }
    td small { display: block; color: var(--muted); font-size: .85rem; }
    td small.better { color: var(--ok); }
    td small.worse { color: var(--bad); }
    .best { padding: 0 .35rem; border-radius: 4px; background: var(--ok-ground); color: var(--ok); font-size: .8rem; font-weight: 700; }
    .state { font-weight: 700; }
    .state.done { color: var(--ok); }
    .state.failed, .state.rejected { color: var(--bad); }
    .state.running, .state.cancelled, .state.interrupted { color: var(--warning); }
    details { margin-top: .6rem; }
    summary { padding: .3rem 0; cursor: pointer; color: var(--accent); font-weight: 600; overflow-wrap: anywhere; }
    summary span { color: var(--muted); font-weight: 400; }

    .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(19rem, 100%), 1fr)); gap: 1rem 2rem; margin: .8rem 0; }
    figure { margin: 0; min-width: 0; max-width: 30rem; }
    figure.wide { max-width: 36rem; }
    figcaption { margin-bottom: .3rem; font-weight: 600; font-size: .95rem; overflow-wrap: anywhere; }
    figcaption span { display: block; font-weight: 400; color: var(--muted); font-size: .9rem; }
    svg { display: block; width: 100%; height: auto; }
    svg text { font-size: 12px; fill: var(--text); }
    svg .tick { fill: var(--muted); }
    svg .end, svg .value { text-anchor: end; }
    svg .middle { text-anchor: middle; }
    svg .letter { font-weight: 700; }
    .axis { stroke: var(--muted); }
    .grid { stroke: var(--edge); }
    .bar { opacity: .8; }
    .whisker { fill: none; stroke: var(--text); stroke-width: 1.5; }
    .line { fill: none; stroke-width: 2; stroke-linejoin: round; }

    @media (max-width: 600px) {
      body { padding: .75rem .75rem 2rem; }
      section { padding: .8rem; }
      table { font-size: .9rem; }
      tr > :first-child { width: 8rem; min-width: 7rem; max-width: 8rem; }
      summary { padding: .6rem 0; }
    }
    @media print {
      :root { color-scheme: light; }
      body { max-width: none; padding: 0; background: none; }
      section { border: 0; padding: 0; }
      .scroll { overflow: visible; }
      tr > :first-child { position: static; }
      figure, tr { break-inside: avoid; }
      details::details-content { content-visibility: visible; block-size: auto; }
    }

    """
}
