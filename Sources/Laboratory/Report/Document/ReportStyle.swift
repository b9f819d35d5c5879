/// The look of `report.html`, for screens in light and dark and for paper.
enum ReportStyle {
    static let css = """
        :root { color-scheme: light dark;
          --page: #ffffff; --card: #f6f8fa; --text: #1b1f24; --muted: #57606a; --line: #d0d7de; --grid: #e4e8ec;
          --s0: #0067a8; --s1: #a4397e; --s2: #00805e; --s3: #8a6d00; --s4: #3d9bd6; --s5: #5b5b5b;
          --bad: #c74a00; --answer: #fff1bf; --answerline: #8a6500; --target: #00805e; }
        @media screen and (prefers-color-scheme: dark) { :root {
          --page: #0f1318; --card: #191f27; --text: #e8ecf1; --muted: #9ba7b4; --line: #333c47; --grid: #262e38;
          --s0: #58b4f0; --s1: #ea8fc6; --s2: #3fcf9f; --s3: #d8b542; --s4: #9ad4ff; --s5: #b8b8b8;
          --bad: #ff8a4c; --answer: #3d3413; --answerline: #e8c34a; --target: #3fcf9f; } }
        @media print { :root { --card: #ffffff; } .copy, .hint { display: none; }
          figure, .row, section.answer, aside { break-inside: avoid; } details::details-content { content-visibility: visible; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--page); color: var(--text);
          font: 15px/1.45 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
        main { max-width: 1240px; margin: 0 auto; padding: 18px 20px 60px; }
        .meta { color: var(--muted); font-size: 13px; margin: 0; overflow-wrap: anywhere; }
        .meta a { color: var(--bad); font-weight: 600; }
        h1 { font-size: 25px; line-height: 1.25; margin: 4px 0 12px; overflow-wrap: anywhere; }
        h2 { font-size: 19px; margin: 40px 0 10px; }
        h3 { font-size: 15px; margin: 0 0 6px; color: var(--muted); font-weight: 600; }
        section.answer { display: flex; gap: 24px; align-items: center; border-left: 6px solid var(--answerline);
          padding: 4px 0 4px 18px; margin-bottom: 16px; }
        section.answer > div:first-child { flex: none; max-width: 430px; }
        .headline { font-size: 40px; line-height: 1.1; font-weight: 700; white-space: nowrap; margin: 0; }
        .headline.long { font-size: 28px; white-space: normal; max-width: 420px; }
        .caption { margin: 4px 0 0; font-size: 13px; color: var(--muted); max-width: 420px; }
        .sentence { margin: 0; font-size: 15.5px; }
        .chips { margin: 6px 0 0; padding: 0; list-style: none; display: flex; flex-wrap: wrap; gap: 6px; }
        .chips li { font-size: 12.5px; padding: 1px 9px; border: 1px solid var(--line); border-radius: 10px;
          color: var(--muted); }
        .chips .warning { color: var(--bad); border-color: var(--bad); font-weight: 600; }
        .first { display: grid; grid-template-columns: minmax(0, 1fr) 370px; gap: 18px; align-items: start; }
        @media (max-width: 900px) { .first { grid-template-columns: minmax(0, 1fr); }
          section.answer { flex-wrap: wrap; gap: 8px; } }
        figure { margin: 0; }
        aside { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 14px 16px; }
        aside .title { font-size: 18px; font-weight: 700; margin: 0 0 8px; }
        aside p { margin: 0 0 8px; font-size: 13.5px; }
        aside ul { margin: 0; padding-left: 18px; font-size: 13.5px; }
        pre { margin: 0 0 10px; padding: 8px 10px; background: var(--page); border: 1px solid var(--line);
          border-radius: 6px; font: 13px/1.4 ui-monospace, "DejaVu Sans Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
        .yaml { position: relative; }
        .copy { position: absolute; top: 6px; right: 6px; font: inherit; font-size: 12px; color: var(--text); background: var(--page);
          border: 1px solid var(--line); border-radius: 6px; padding: 2px 9px; cursor: pointer; }
        .legend { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 13px; color: var(--muted);
          padding: 0; margin: 2px 0 0; list-style: none; }
        .legend svg { width: 26px; height: 12px; vertical-align: -1px; margin-right: 5px; overflow: visible; }
        .hint { min-height: 20px; margin: 2px 0 0; font-size: 13px; color: var(--muted); }
        svg text { font-family: inherit; fill: var(--text); }
        svg.chart { width: 100%; height: auto; display: block; }
        svg.small { width: 100%; height: auto; display: block; }
        .tick { font-size: 12.5px; fill: var(--muted); } .small .tick { font-size: 10.5px; }
        .tick.strong { fill: var(--text); font-size: 13.5px; font-weight: 600; }
        .name { font-size: 13.5px; font-weight: 600; }
        .value { font-size: 13px; font-weight: 600; }
        .note { font-size: 12.5px; } .targetnote { fill: var(--target); font-weight: 600; }
        .answernote { font-size: 15px; font-weight: 700; fill: var(--answerline); }
        .grid { stroke: var(--grid); } .axis { stroke: var(--muted); }
        .answer { fill: var(--answer); } .answerline { stroke: var(--answerline); stroke-width: 2; }
        .target { stroke: var(--target); stroke-width: 1.5; stroke-dasharray: 7 4; }
        .limit { stroke: var(--bad); stroke-width: 1.3; stroke-dasharray: 5 3; }
        .end { stroke: var(--muted); stroke-dasharray: 2 2; }
        .whisker { stroke: var(--s0); stroke-width: 4; stroke-opacity: .25; }
        .path { fill: none; stroke: var(--muted); stroke-width: 1; stroke-dasharray: 3 3; }
        .s0 { --c: var(--s0); } .s1 { --c: var(--s1); } .s2 { --c: var(--s2); } .s3 { --c: var(--s3); }
        .s4 { --c: var(--s4); } .s5 { --c: var(--s5); } .bad { --c: var(--bad); } .mixed { --c: var(--s3); }
        .median { fill: none; stroke: var(--c); stroke-width: 2.5; }
        .median.s1 { stroke-dasharray: 9 4; } .median.s2 { stroke-dasharray: 3 3; }
        .median.s3 { stroke-dasharray: 12 3 3 3; }
        .thin { fill: none; stroke: var(--c); stroke-width: 1.3; }
        .thin.s1 { stroke-dasharray: 5 2; } .thin.s2 { stroke-dasharray: 2 2; }
        .band { fill: var(--c); fill-opacity: .2; stroke: none; }
        .bar { fill: var(--c); fill-opacity: .13; } .level { fill: var(--c); }
        .mark { cursor: pointer; }
        .mark circle { fill: var(--c); fill-opacity: .75; stroke: var(--page); stroke-width: 1; }
        .mark path { fill: none; stroke: var(--c); stroke-width: 2.4; stroke-linecap: round; }
        .mark:hover circle, .mark.chosen circle { stroke: var(--text); stroke-width: 2; fill-opacity: 1; }
        .mark.chosen path, .mark:hover path { stroke-width: 4; }
        .series { overflow-x: auto; } .series > * { min-width: 860px; }
        .row { display: grid; gap: 10px; align-items: center; border-top: 1px solid var(--grid); padding: 4px 0; }
        .row.head { border: 0; font-weight: 600; font-size: 13px; align-items: end; }
        .row .what { font-size: 12.5px; overflow-wrap: anywhere; } .row .what a { color: inherit; }
        .row.chosen, tr.chosen { background: var(--answer); }
        .failure { color: var(--bad); font-weight: 600; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; font-size: 13px; width: 100%; }
        th, td { text-align: left; padding: 4px 10px 4px 0; border-bottom: 1px solid var(--grid); vertical-align: top; }
        th { color: var(--muted); font-weight: 600; white-space: nowrap; }
        td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
        tr[data-trial] { cursor: pointer; } td a { color: inherit; }
        dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 3px 16px; font-size: 13.5px; margin: 0; }
        dt { color: var(--muted); } dd { margin: 0; overflow-wrap: anywhere; }
        .small-print { color: var(--muted); font-size: 13px; max-width: 900px; }
        summary { cursor: pointer; margin: 8px 0; color: var(--muted); }
        """

    /// Pointing at a mark tells its trial below the chart; a click marks the trial everywhere. All of it is a
    /// convenience: marks have titles, and rows are links.
    static let script = """
        (function () {
          var hint = document.getElementById("hint"), rest = hint ? hint.textContent : "", chosen = null;
          function all(id) { return document.querySelectorAll('[data-trial="' + id + '"]'); }
          function say(mark) { var title = mark && mark.querySelector("title");
            if (hint) hint.textContent = title ? title.textContent : rest; }
          function choose(id) {
            if (chosen) all(chosen).forEach(function (e) { e.classList.remove("chosen"); });
            chosen = chosen === id ? null : id;
            if (chosen) all(chosen).forEach(function (e) { e.classList.add("chosen"); }); }
          document.querySelectorAll("[data-trial]").forEach(function (e) {
            e.addEventListener("click", function () { choose(e.dataset.trial); });
            if (e.classList.contains("mark")) {
              e.addEventListener("mouseenter", function () { say(e); });
              e.addEventListener("mouseleave", function () { say(null); }); } });
          document.querySelectorAll("pre").forEach(function (pre) {
            if (!navigator.clipboard) return;
            var button = document.createElement("button");
            button.className = "copy"; button.textContent = "Copy";
            button.addEventListener("click", function () {
              navigator.clipboard.writeText(pre.textContent).then(function () { button.textContent = "Copied"; }); });
            pre.parentNode.appendChild(button); });
        })();
        """
}
