// Draws each figure when it comes into view, and the others when the browser
// has nothing else to do: a page may have a hundred. Nothing is fetched.
(function () {
  'use strict';
  var dark = window.matchMedia('(prefers-color-scheme: dark)');
  var figures = Array.prototype.slice.call(
    document.querySelectorAll('.figure'));
  var printing = false;
  var unfolded = [];

  function foreground() {
    return dark.matches && !printing ? '#ececec' : '#1b1b1b';
  }

  function draw(place) {
    var text = document.getElementById(place.dataset.figure).textContent;
    // What is black in a figure is the page's own foreground.
    var figure = JSON.parse(text.split('#000000').join(foreground()));
    figure.layout.font.color = foreground();
    figure.layout.autosize = true;
    if (window.matchMedia('(pointer: coarse)').matches) {
      figure.layout.dragmode = false; // a finger scrolls the page
    }
    if (printing) {
      figure.layout.width = 690;
    }
    place.dataset.drawn = 'yes';
    return Plotly.react(place, figure.data, figure.layout, {
      responsive: true, displayModeBar: false, scrollZoom: false
    });
  }

  function drawAll() {
    figures.forEach(draw);
  }

  function drawMissing() {
    var next = figures.find(function (place) {
      return !place.dataset.drawn;
    });
    if (next) {
      draw(next);
      later();
    } else {
      document.documentElement.dataset.ready = 'yes';
    }
  }

  function later() {
    (window.requestIdleCallback || window.setTimeout)(drawMissing);
  }

  // The library comes packed: it is most of the page.
  function unpack(text) {
    var bytes = Uint8Array.from(atob(text), function (character) {
      return character.charCodeAt(0);
    });
    return new Response(new Blob([bytes]).stream().pipeThrough(
      new DecompressionStream('gzip'))).text();
  }

  function load(source) {
    var script = document.createElement('script');
    script.textContent = source;
    document.head.appendChild(script);
    figures.forEach(function (place) { seen.observe(place); });
    later();
    dark.addEventListener('change', drawAll);
    window.addEventListener('beforeprint', beforePrint);
    window.addEventListener('afterprint', afterPrint);
  }

  function giveUp() {
    figures.forEach(function (place) {
      place.style.minHeight = 0;
      place.textContent = 'This browser is too old to draw pictures ' +
        '(it lacks DecompressionStream). All is in words, too.';
    });
  }

  var seen = new IntersectionObserver(function (entries) {
    entries.forEach(function (entry) {
      if (entry.isIntersecting && !entry.target.dataset.drawn) {
        draw(entry.target);
      }
    });
  }, {rootMargin: '300px'});

  // Nobody can unfold anything on paper, or point at it.
  function beforePrint() {
    printing = true;
    unfolded = Array.prototype.slice.call(
      document.querySelectorAll('details:not([open])'));
    unfolded.forEach(function (place) { place.open = true; });
    drawAll();
  }

  function afterPrint() {
    printing = false;
    unfolded.forEach(function (place) { place.open = false; });
    drawAll();
  }

  if (window.DecompressionStream) {
    unpack(document.getElementById('plotly').textContent).then(load);
  } else {
    giveUp();
  }
}());
